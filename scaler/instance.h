// One instance in its life, from the call that asks for it to its end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace flaskscale::scaler {

// booting -> warming -> ready -> draining -> deleting -> gone, and failed from any of them.
// `failed` means: ended or given up, its removal is under way.
enum class InstanceState : uint8_t { booting, warming, ready, draining, deleting, gone, failed };
std::string_view to_string(InstanceState state);

struct Instance {
  // What the provider still has to be asked for.
  enum class Call : uint8_t { none, create, remove };

  std::string name;
  std::string id;
  std::string address;
  InstanceState state = InstanceState::booting;
  InstanceState before_drain = InstanceState::booting;
  Call wanted = Call::none;
  bool adopted = false;        // found in the list, not asked for by this run
  bool listed = false;         // seen in a list at least once
  bool member = false;         // its address is in the pool
  bool remove_called = false;  // no way back
  bool drained_by_operator = false;
  bool up = false;
  uint32_t in_flight = 0;
  uint32_t remove_failures = 0;
  Time created_at{};  // the create call, or the discovery
  std::optional<Time> admitted_at;
  std::optional<Time> down_since;  // admitted, and failing its health check since then
  std::optional<Time> drain_since;
  Time next_remove_at{};
  std::string failure;  // why it failed, for people

  bool is_capacity_now() const {
    return (state == InstanceState::warming || state == InstanceState::ready) &&
           !drained_by_operator;
  }
  bool is_ending() const {
    return state == InstanceState::deleting || state == InstanceState::failed ||
           state == InstanceState::gone;
  }
};

}  // namespace flaskscale::scaler
