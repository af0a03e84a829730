// One instance in its life, from the call that asks for it to its end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace flaskscale::scaler {

// booting -> warming -> ready -> draining -> deleting -> gone, and failed from any of them.
// `failed` means: ended or given up, its removal is under way. A drained instance may go to
// `standby` instead: stopped, or being stopped; starting it makes it boot again.
enum class InstanceState : uint8_t {
  booting,
  warming,
  ready,
  draining,
  standby,
  deleting,
  gone,
  failed
};
std::string_view to_string(InstanceState state);

struct Instance {
  // What the provider still has to be asked for.
  enum class Call : uint8_t { none, create, start, stop, remove };

  std::string name;
  std::string id;
  std::string address;
  std::string zone;
  std::string version;
  InstanceState state = InstanceState::booting;
  InstanceState before_drain = InstanceState::booting;
  Call wanted = Call::none;
  std::string request_id;      // chosen already, by an earlier run or try; empty: a new one
  bool alone = false;          // its calls are made for it alone, since one with others failed
  bool adopted = false;        // not asked for by this run: says nothing about boot times
  bool listed = false;         // seen in a list at least once
  bool stopped = false;        // … and its machine was off
  bool member = false;         // its address is in the pool
  bool remove_called = false;  // no way back
  bool started = false;        // boots from a stopped machine
  bool outdated = false;       // create() would make a newer version
  bool leaving = false;        // somebody else is ending it
  bool scaled_in = false;      // we drain it, and want it gone
  bool drained_by_operator = false;
  bool up = false;
  bool serving = false;  // … with all its slots
  uint32_t in_flight = 0;
  uint32_t call_failures = 0;  // in a row, of calls that end it
  uint32_t misses = 0;         // lists in a row without it
  WallTime born{};             // the first create call, as far as known
  Time created_at{};           // the create or start call, or the discovery
  std::optional<Time> billed_since;
  std::optional<Time> admitted_at;
  std::optional<Time> down_since;  // admitted, and failing its health check since then
  std::optional<Time> drain_since;
  Time drain_until{};  // earliest end of a drain whose requests can't be counted
  Time leaving_since{};
  Time next_call_at{};
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

// What boot times are told apart by; `started`: from standby.
std::string boot_kind(std::string_view version, std::string_view zone, bool started);

}  // namespace flaskscale::scaler
