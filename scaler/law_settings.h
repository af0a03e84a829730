// The constants of the scaling law for one pool.
#pragma once

#include <cstdint>

namespace flaskscale::scaler {

// Times in seconds. The law's text names the symbols in brackets.
struct LawSettings {
  uint32_t min = 1;               // n_min
  uint32_t max = 20;              // n_max, >= max(1, min)
  double slots_per_instance = 1;  // C, >= 1
  double availability = 0.95;     // q: the share of forecast errors that the headroom covers
  double headroom = 1.25;         // G0, until those errors are known; see initial_headroom()
  double beta = 2;                // square-root staffing
  double drain_target = 3;        // T_d: a backlog is to be gone in this time
  double queue_timeout = 30;
  double queue_capacity = 1000;        // requests
  double service_time_estimate = 0.2;  // s_initial
  double boot_estimate = 75;           // prior of B
  // How long a size that was needed is kept: this share of the time it was needed, but at least a
  // boot time, and at most the window (longer with boots of more than a minute: 5 B at 300 s).
  double keep_share = 0.5;
  double keep_window = 300;
  double keep_factor = 1.03;      // hysteresis of scale-in
  double forecast_keep = 0.5;     // boot times for which a size is kept that was only forecast
  double backlog_keep = 15;       // how long a backlog's need is remembered
  double scale_in_interval = 10;  // between two steps
  double scale_in_share = 0.2;    // of planned, per step, at least one instance
  double coverage_patience = 60;  // how long all front doors must have been heard for a step
  double up_factor = 20;          // growth limit per boot time: factor …
  double up_step = 20;            // … or instances, whichever is more
  double overdue_share = 0.25;    // of planned: overdue boots that are replaced at a time
  double idle_to_zero = 900;      // min = 0 only
};

// The headroom factor used until the pool's own forecast errors are known:
// 1 + 0.25 * z(availability) / z(0.95), z being the standard normal quantile, within 1.05 … 2.
// So 0.90 gives 1.19, 0.95 gives 1.25, 0.99 gives 1.35. `availability` is brought into 0.5 …
// 0.9999.
double initial_headroom(double availability);

}  // namespace flaskscale::scaler
