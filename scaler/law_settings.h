// The constants of the scaling law for one pool.
#pragma once

#include <cstdint>

namespace flaskscale::scaler {

// Times in seconds. The law's text names the symbols in brackets.
struct LawSettings {
  uint32_t min = 1;               // n_min
  uint32_t max = 20;              // n_max, >= max(1, min)
  double slots_per_instance = 1;  // C, >= 1
  double headroom = 1.25;         // G0, see initial_headroom()
  double beta = 2;                // square-root staffing
  double drain_target = 10;       // T_d: a backlog is to be gone in this time
  double queue_timeout = 30;
  double queue_capacity = 1000;        // requests
  double service_time_estimate = 0.2;  // s_initial
  double boot_estimate = 75;           // prior of B
  double keep_window = 300;       // how long a need is remembered before it may shrink the pool
  double scale_in_interval = 60;  // between two steps; also how long coverage must have been full
  double scale_in_share = 0.2;    // of planned, per step, at least one instance
  double keep_factor = 1.05;      // hysteresis of scale-in
  double backlog_keep = 45;       // how long a backlog's need is remembered
  double up_factor = 10;          // growth limit per boot time: factor …
  double up_step = 10;            // … or instances, whichever is more
  double overdue_share = 0.25;    // of planned: overdue boots that are replaced at a time
  double idle_to_zero = 900;      // min = 0 only
};

// The headroom factor used until the pool's own forecast errors are known:
// 1 + 0.25 * z(availability) / z(0.95), z being the standard normal quantile, within 1.05 … 2.
// So 0.90 gives 1.19, 0.95 gives 1.25, 0.99 gives 1.35. `availability` is brought into 0.5 …
// 0.9999.
double initial_headroom(double availability);

}  // namespace flaskscale::scaler
