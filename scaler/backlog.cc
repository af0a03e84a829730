#include "scaler/backlog.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

constexpr double kMostInstances = 1e9;

}  // namespace

uint32_t whole_instances(double n) {
  if (!(n > 0)) return 0;
  return static_cast<uint32_t>(std::ceil(std::min(n, kMostInstances)));
}

double slots_for(double offered_load, double headroom, double beta) {
  if (!(offered_load > 0)) return 0;
  return std::max(offered_load * headroom, offered_load + beta * std::sqrt(offered_load));
}

Backlog project_backlog(const BacklogInputs& in, const LawSettings& settings) {
  const double per_instance = settings.slots_per_instance / in.service_time;  // requests/s
  const double growth = std::max(0.0, in.rate_then - in.fast_rate) / in.boot_seconds;
  double waiting = in.queued;
  double serving = in.ready;
  double previous = 0;
  const auto advance_evenly = [&](double until) {
    const double rate = in.fast_rate + growth * (until + previous) / 2;
    waiting = std::max(0.0, waiting + (rate - serving * per_instance) * (until - previous));
    previous = until;
  };
  const auto advance = [&](double until) {
    // A queue that was empty grows from when the rate exceeds what is served.
    if (growth > 0) {
      const double exceeded_at = (serving * per_instance - in.fast_rate) / growth;
      if (exceeded_at > previous && exceeded_at < until) advance_evenly(exceeded_at);
    }
    advance_evenly(until);
  };
  for (const double ready_in : in.boots_ready_in) {
    if (ready_in >= in.boot_seconds) break;
    advance(ready_in);
    serving += 1;
  }
  advance(in.boot_seconds);

  Backlog backlog;
  backlog.requests =
      std::min({waiting, in.fast_rate * settings.queue_timeout, settings.queue_capacity});
  if (!(backlog.requests > 0)) return {};
  const double slots = in.arrival_rate * in.service_time +
                       backlog.requests * in.service_time / settings.drain_target;
  backlog.need = whole_instances(slots / settings.slots_per_instance);
  return backlog;
}

}  // namespace flaskscale::scaler
