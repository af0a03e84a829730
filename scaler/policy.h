// What the operator asks of a pool's scaler: the values a reload may change.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "scaler/law_settings.h"

namespace flaskscale::scaler {

// act: everything. scale_out_only: nothing is drained for being too many. observe: full decisions,
// no calls; the instances that are there stay and serve. off: no decisions either.
enum class Mode : uint8_t { act, scale_out_only, observe, off };
std::string_view to_string(Mode mode);

// At least `min` instances for `duration` from each time that `cron` names (five fields: minute,
// hour, day of month, month, day of week) on the server's clock. They are started a boot time
// before.
struct ScheduledFloor {
  std::string cron;
  Duration duration{};
  uint32_t min = 0;
  bool operator==(const ScheduledFloor&) const = default;
};

struct Policy {
  Mode mode = Mode::act;
  uint32_t min = 1;
  uint32_t max = 20;
  uint32_t slots = 1;  // concurrent requests per instance, >= 1
  double availability = 0.95;
  Duration drain_timeout = std::chrono::minutes(5);
  Duration boot_timeout = std::chrono::minutes(5);
  Duration idle_to_zero = std::chrono::minutes(15);       // min = 0 only
  Duration scale_in_window = std::chrono::minutes(5);     // how long a need is kept at most
  Duration scale_in_interval = std::chrono::seconds(10);  // between two scale-in steps
  Duration boot_estimate = std::chrono::seconds(75);      // until boots have been measured
  Duration service_time_estimate =
      std::chrono::milliseconds(200);  // until requests have been measured
  Duration queue_timeout = std::chrono::seconds(30);
  uint32_t queue_limit = 1000;
  std::vector<ScheduledFloor> schedule;
  uint32_t standby = 0;  // stopped instances to keep for a quick start, where the provider can
};

// The law's view of the policy. Out-of-range values are brought into range (max >= 1, min <= max,
// slots >= 1).
LawSettings law_settings(const Policy& policy);

}  // namespace flaskscale::scaler
