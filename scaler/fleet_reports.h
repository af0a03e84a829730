// What a fleet is told, and what it tells.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "scaler/instance.h"

namespace flaskscale::scaler {

// Which calls the mode allows.
struct FleetRules {
  bool may_create = true;
  bool may_drain = true;   // false: draining instances are taken back
  bool may_remove = true;  // also instances that failed
  Duration drain_timeout = std::chrono::minutes(5);
  Duration boot_timeout = std::chrono::minutes(5);
  uint32_t standby = 0;  // stopped instances to keep, where the provider can
};

struct FleetView {
  uint32_t ready = 0;     // warming or ready, not drained by an operator
  uint32_t down = 0;      // of these, failing their health check
  uint32_t draining = 0;  // that can be taken back
  uint32_t standby = 0;   // that can be started
  std::vector<Time> boots;
};

// What became of a wish for more.
struct Added {
  uint32_t undrained = 0;
  uint32_t started = 0;
  uint32_t created = 0;
  uint32_t held_back = 0;
  std::string_view obstacle;  // why: boot_backoff, stockout, quota, configuration
};

// One step of replacing old instances.
struct Rolled {
  uint32_t added = 0;
  uint32_t drained = 0;
};

struct BootDone {
  double seconds = 0;
  std::string kind;
};

// An instance that ended, or was given up, without being told to.
struct Loss {
  std::string name;
  // create_failed, start_failed, stockout, quota, configuration, boot_failed, boot_timeout,
  // crashed, vanished, unhealthy, stopped, leaving
  std::string_view reason;
  std::string detail;
};

struct StateChange {
  std::string name;
  InstanceState state = InstanceState::booting;
  std::string reason;  // a word, may be empty
  std::string detail;  // for people, may be empty
};

}  // namespace flaskscale::scaler
