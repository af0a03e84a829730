// What an operator should look at: begins once, ends once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flaskscale::scaler {

enum class Alarm : uint8_t {
  stockout,
  quota,
  configuration,
  boot_failures,
  futile,
  list_failed,
  journal
};
std::string_view to_string(Alarm alarm);

// Control loop only.
class Alarms {
 public:
  // True when that is a change.
  bool set(Alarm alarm, bool on) {
    bool& is_on = on_[static_cast<size_t>(alarm)];
    if (is_on == on) return false;
    is_on = on;
    return true;
  }
  std::vector<std::string> active() const;

 private:
  static constexpr size_t kCount = static_cast<size_t>(Alarm::journal) + 1;
  std::array<bool, kCount> on_{};
};

}  // namespace flaskscale::scaler
