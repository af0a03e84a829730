// What happens in a pool's scaling, for hooks and the event stream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace flaskscale::scaler {

enum class EventKind : uint8_t {
  decision,   // scale_out, scale_in, undrain, replace; a hold when its reason changes
  instance,   // a change of an instance's state
  alarm,      // something that an operator should look at has begun
  alarm_end,  // … and is over
};
std::string_view to_string(EventKind kind);

struct Event {
  EventKind kind = EventKind::decision;
  WallTime at{};
  std::string pool;
  // decision: the action. instance: the new state. alarm: what is wrong (stockout, quota,
  // configuration, boot_failures, futile, list_failed, journal).
  std::string what;
  std::string reason;                                   // a snake_case word, may be empty
  std::string instance;                                 // its name; empty where none is meant
  std::string text;                                     // a sentence for people
  std::vector<std::pair<std::string, double>> numbers;  // decision: target, planned, need …
};

// Control loop only; must not block.
class EventSink {
 public:
  virtual void on_event(const Event& event) = 0;

 protected:
  ~EventSink() = default;
};

}  // namespace flaskscale::scaler
