// What a managed instance's row means for the one who balances over it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "scaler/provider.h"
#include "scaler/providers/gce_model.h"

namespace flaskscale::scaler {

enum class GceRowState : uint8_t {
  making,    // created, started, resumed or repaired, not there yet
  usable,    // its machine runs and nothing is planned for it
  leaving,   // deleted, abandoned, restarted, preempted … under its feet
  stopping,  // on its way to standby, or stopped by somebody else
  off,       // its machine is off: on standby if that was asked for, else ended
  unclear,   // a word that is not known: not usable, nothing concluded
};

// `used_id`: the id under which it was last usable, empty without one; tells an old machine from
// its repaired successor.
GceRowState state_of(const GceRow& row, std::string_view used_id);

// Words for people: "CREATING, STAGING".
std::string describe(const GceRow& row);

// What a row can't tell by itself.
struct GceRowContext {
  std::string_view zone;
  std::string_view used_id;
  std::string address;         // "host:port" of this incarnation; empty while unknown
  bool on_standby = false;     // off: because it was asked for
  bool stopped_by_us = false;  // stopping: because we asked
  bool off_for_good = false;   // off, not on standby, and nobody will bring it back
  bool outdated = false;
};
InstanceReport report_of(const GceRow& row, const GceRowContext& context);

}  // namespace flaskscale::scaler
