// The scaling law: from what clients ask for and what is there, how many instances there should be.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "scaler/backlog.h"
#include "scaler/boot_book.h"
#include "scaler/forecast.h"
#include "scaler/futility.h"
#include "scaler/law_settings.h"
#include "scaler/load_sample.h"
#include "scaler/load_window.h"
#include "scaler/need_memory.h"
#include "scaler/schedule.h"
#include "scaler/sliding_max.h"

namespace flaskscale::scaler {

// What the fleet and the front doors tell the law at one time.
struct LawSignals {
  LawSettings settings;
  LoadSample load;
  uint32_t ready =
      0;  // instances that are capacity now: warming or ready, not drained by an operator
  uint32_t down = 0;  // of these, failing their health check: planned, but serving nothing
  std::vector<Time>
      boots;  // creation times of the instances that are asked for and not answering yet
  std::vector<Booted> booted;          // measured since the last step
  std::string next_boot;               // the kind that would be created now
  WallTime wall{};                     // for daily patterns and schedules; the epoch: unknown
  const Schedule* schedule = nullptr;  // borrowed for the step; none: no scheduled floors
  // Why instances that are wanted can't be had now ("stockout", "quota", "configuration"); empty:
  // they can. The pool doesn't shrink meanwhile.
  std::string_view shortage;
  // How many instances may exist at most because of that; the target stays within it unless
  // there are more already, or `min` is above.
  uint32_t most = std::numeric_limits<uint32_t>::max();
  bool deploying = false;  // a new version is replacing an old one: the pool doesn't shrink
  // Why nothing may be taken away now, as a reason word: the provider's list is unknown, say.
  // Empty: it may.
  std::string_view freeze;
};

enum class Move : uint8_t { stay, out, in };

struct LawOutput {
  Move move = Move::stay;
  // A snake_case word out of a closed set. Points to static storage. out: load, backlog, schedule,
  // below_min, first_request; in: surplus, idle, above_max; stay: enough, schedule, at_max,
  // recent_need, requests_wait, just_started, scale_in_interval, front_door_silent,
  // front_door_was_silent, growth_limit, futile, deploy, and those of the signals: shortage
  // (stockout, quota, configuration) and freeze.
  std::string_view reason;
  uint32_t target = 0;   // how many instances there should be after this step; min <= target <= max
  uint32_t planned = 0;  // ready + booting on time
  uint32_t overdue = 0;  // boots that count as no capacity
  uint32_t need = 0;     // what the load asks for, min … max
  uint32_t flow_need = 0;
  uint32_t backlog_need = 0;    // not limited by max
  uint32_t schedule_floor = 0;  // of now to one boot from now, not limited by max
  uint32_t keep = 0;            // what the remembered needs ask for
  uint32_t growth_limit = 0;    // the largest target that this boot time's growth allows
  Forecast forecast;
  double offered_load = 0;  // a: slots' worth of work, busy slots
  double slots = 0;         // offered load with headroom
  double arrival_rate = 0;
  double service_time = 0;    // S, seconds
  double mean_in_flight = 0;  // aR
  double boot_seconds = 0;    // B, 90 % quantile
  double boot_median = 0;
  double queued = 0;
  double backlog = 0;   // requests that will wait one boot from now if nothing is done
  bool idle = false;    // no request for idle_to_zero, and zero is allowed
  bool futile = false;  // the brake is on: more instances did not answer more requests
};

// What the law remembers of one pool; outlives reloads.
struct LawState {
  LoadWindow load;
  BootBook boots;
  Forecasts forecasts;
  FutilityBrake futility;
  ScheduleWatch schedule;                               // derived from the schedule, so not saved
  NeedMemory needed;                                    // what the load itself needed
  SlidingMax slots_forecast{std::chrono::minutes(10)};  // what was forecast that it would need
  SlidingMax backlog_need{std::chrono::minutes(15)};
  std::deque<std::pair<Time, uint32_t>> planned;  // changes only, oldest first, one boot time back
  std::optional<Time> started;                    // or restarted after a jump of the clock
  std::optional<Time> covered_since;              // all front doors heard
  std::optional<Time> last_scale_in;
  std::optional<Time> last_active;  // a request arrived or was in flight
  std::optional<uint64_t> last_arrivals;
  std::optional<Time> last_step;
  uint32_t need = 0;
  uint32_t target = 0;
  std::vector<double> scratch;  // of one step; kept for its memory, not saved

  // For saving and restoring, see law_memory.h.
  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("load", load);
    visitor.field("boots", boots);
    visitor.field("forecasts", forecasts);
    visitor.field("futility", futility);
    visitor.field("needed", needed);
    visitor.field("slots_forecast", slots_forecast);
    visitor.field("backlog_need", backlog_need);
    visitor.field("planned", planned);
    visitor.field("started", started);
    visitor.field("covered_since", covered_since);
    visitor.field("last_scale_in", last_scale_in);
    visitor.field("last_active", last_active);
    visitor.field("last_arrivals", last_arrivals);
    visitor.field("last_step", last_step);
    visitor.field("need", need);
    visitor.field("target", target);
  }
  bool settle() const;
};

// The whole law. Pure: all time is `now`, which normally grows by a second per call; any other
// pace, also a call out of turn, is fine.
LawOutput step(LawState& state, const LawSignals& signals, Time now);

}  // namespace flaskscale::scaler
