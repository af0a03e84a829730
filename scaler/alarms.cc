#include "scaler/alarms.h"

namespace flaskscale::scaler {

std::string_view to_string(Alarm alarm) {
  switch (alarm) {
    case Alarm::stockout:
      return "stockout";
    case Alarm::quota:
      return "quota";
    case Alarm::configuration:
      return "configuration";
    case Alarm::boot_failures:
      return "boot_failures";
    case Alarm::futile:
      return "futile";
    case Alarm::list_failed:
      return "list_failed";
    case Alarm::journal:
      return "journal";
  }
  return "unknown";
}

std::vector<std::string> Alarms::active() const {
  std::vector<std::string> words;
  for (size_t i = 0; i < on_.size(); ++i) {
    if (on_[i]) words.emplace_back(to_string(static_cast<Alarm>(i)));
  }
  return words;
}

}  // namespace flaskscale::scaler
