#include "scaler/policy.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

// The standard normal quantile, by bisection of its distribution function; 0.5 <= p < 1.
double normal_quantile(double p) {
  double low = 0;
  double high = 8;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

double brought_into_range(double availability) {
  return std::isfinite(availability) ? std::clamp(availability, 0.5, 0.9999) : 0.95;
}

}  // namespace

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::act:
      return "act";
    case Mode::scale_out_only:
      return "scale_out_only";
    case Mode::observe:
      return "observe";
    case Mode::off:
      return "off";
  }
  return "unknown";
}

double initial_headroom(double availability) {
  const double p = brought_into_range(availability);
  return std::clamp(1 + 0.25 * normal_quantile(p) / normal_quantile(0.95), 1.05, 2.0);
}

LawSettings law_settings(const Policy& policy) {
  LawSettings law;
  law.max = std::max(1U, policy.max);
  law.min = std::min(policy.min, law.max);
  law.slots_per_instance = std::max(1U, policy.slots);
  law.availability = brought_into_range(policy.availability);
  law.headroom = initial_headroom(law.availability);
  law.queue_timeout = std::max(0.0, to_seconds(policy.queue_timeout));
  law.queue_capacity = policy.queue_limit;
  law.service_time_estimate = std::max(1e-3, to_seconds(policy.service_time_estimate));
  law.boot_estimate = std::max(0.0, to_seconds(policy.boot_estimate));
  law.keep_window = std::max(1.0, to_seconds(policy.scale_in_window));
  law.scale_in_interval = std::max(0.0, to_seconds(policy.scale_in_interval));
  // A pool that is told to forget its needs sooner forgets a backlog's sooner as well.
  law.backlog_keep = std::min(law.backlog_keep, law.keep_window);
  law.coverage_patience = std::min(law.coverage_patience, law.keep_window);
  law.idle_to_zero = std::max(0.0, to_seconds(policy.idle_to_zero));
  return law;
}

}  // namespace flaskscale::scaler
