// The scaling law: from what clients ask for and what is there, how many instances there should be.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "scaler/boot_times.h"
#include "scaler/law_settings.h"
#include "scaler/load_sample.h"
#include "scaler/load_window.h"
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
  std::vector<double> booted;  // boot seconds measured since the last step
  // Why nothing may be taken away now, as a reason word: the provider's list is unknown, say.
  // Empty: it may.
  std::string_view freeze;
};

// The demand expected one boot from now, in arrivals per second, and the factor that its error asks
// for.
struct Forecast {
  double rate = 0;        // F, >= the arrival rate
  double headroom = 1.0;  // G
};

enum class Move : uint8_t { stay, out, in };

struct LawOutput {
  Move move = Move::stay;
  // A snake_case word out of a closed set, see law.cc. Points to static storage.
  std::string_view reason;
  uint32_t target = 0;   // how many instances there should be after this step; min <= target <= max
  uint32_t planned = 0;  // ready + booting on time
  uint32_t overdue = 0;  // boots that count as no capacity
  uint32_t need = 0;     // what the load asks for, min … max
  uint32_t flow_need = 0;
  uint32_t backlog_need = 0;  // not limited by max
  uint32_t keep = 0;          // what the remembered needs ask for
  uint32_t growth_limit = 0;  // the largest target that this boot time's growth allows
  Forecast forecast;
  double offered_load = 0;  // a: slots' worth of work, busy slots
  double slots = 0;         // offered load with headroom
  double arrival_rate = 0;
  double service_time = 0;    // S, seconds
  double mean_in_flight = 0;  // aR
  double boot_seconds = 0;    // B, 90 % quantile
  double boot_median = 0;
  double queued = 0;
  double backlog = 0;  // requests that will wait one boot from now if nothing is done
  bool idle = false;   // no request for idle_to_zero, and zero is allowed
};

// What the law remembers of one pool; outlives reloads.
struct LawState {
  LoadWindow load;
  BootTimes boots;
  SlidingMax slots_needed{
      std::chrono::hours(24)};  // slots, not instances: a reload may change slots
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
};

// The whole law. Pure: all time is `now`, which normally grows by a second per call; any other
// pace, also a call out of turn, is fine.
LawOutput step(LawState& state, const LawSignals& signals, Time now);

// Slots wanted for an offered load: max(a*G, a + beta*sqrt(a)).
double slots_for(double offered_load, double headroom, double beta);

// Where a queue stands one boot from now, with all that is already coming, and how many instances
// it takes to serve the arrivals and clear it within the drain target.
struct BacklogInputs {
  double queued = 0;
  double fast_rate = 0;     // lf
  double arrival_rate = 0;  // lambda
  double service_time = 0.2;
  double ready = 0;
  std::vector<double> boots_ready_in;  // seconds from now, ascending
  double boot_seconds = 75;            // the horizon
};
struct Backlog {
  double requests = 0;
  uint32_t need = 0;
};
Backlog project_backlog(const BacklogInputs& inputs, const LawSettings& settings);

// ceil() as a count of instances: 0 for what is not positive, at most a billion.
uint32_t whole_instances(double n);

}  // namespace flaskscale::scaler
