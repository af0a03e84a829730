// How many instances a flow and a queue of requests take.
#pragma once

#include <cstdint>
#include <span>

#include "scaler/law_settings.h"

namespace flaskscale::scaler {

// Slots wanted for an offered load: max(a*G, a + beta*sqrt(a)).
double slots_for(double offered_load, double headroom, double beta);

// Where a queue stands one boot from now, with all that is already coming, and how many instances
// it takes to serve the arrivals and clear it within the drain target.
struct BacklogInputs {
  double queued = 0;
  double fast_rate = 0;     // lf
  double arrival_rate = 0;  // lambda
  double rate_then = 0;     // expected at the horizon, if more than fast_rate
  double service_time = 0.2;
  double ready = 0;
  std::span<const double> boots_ready_in{};  // seconds from now, ascending
  double boot_seconds = 75;                  // the horizon
};
struct Backlog {
  double requests = 0;
  uint32_t need = 0;
};
Backlog project_backlog(const BacklogInputs& inputs, const LawSettings& settings);

// ceil() as a count of instances: 0 for what is not positive, at most a billion.
uint32_t whole_instances(double n);

}  // namespace flaskscale::scaler
