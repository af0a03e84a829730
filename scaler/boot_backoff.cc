#include "scaler/boot_backoff.h"

#include <algorithm>

namespace flaskscale::scaler {
namespace {

constexpr double kFirstSeconds = 1;
constexpr double kMostSeconds = 60;
constexpr double kJitter = 0.2;
constexpr uint32_t kProbesOnlyFrom = 3;

}  // namespace

Duration BootBackoff::delay() {
  const double seconds = std::min(
      kMostSeconds, kFirstSeconds * static_cast<double>(1U << std::min(failures_ - 1, 10U)));
  return from_seconds(seconds * (1 - kJitter + 2 * kJitter * random_.unit()));
}

void BootBackoff::on_failure(Time created_at, Time now) {
  if (last_failure_ && created_at <= *last_failure_) return;
  ++failures_;
  last_failure_ = now;
  wait_until_ = now + delay();
}

void BootBackoff::on_admitted(Time created_at) {
  if (last_failure_ && created_at <= *last_failure_) return;
  wait_until_.reset();
}

void BootBackoff::on_proven(Time created_at) {
  if (last_failure_ && created_at <= *last_failure_) return;
  failures_ = 0;
  wait_until_.reset();
}

void BootBackoff::try_now() {
  failures_ = 0;
  wait_until_.reset();
}

uint32_t BootBackoff::allowance(Time now) const {
  if (wait_until_ && now < *wait_until_) return 0;
  return failures_ >= kProbesOnlyFrom ? 1 : kNoLimit;
}

void BootBackoff::on_created(Time now) {
  if (failures_ >= kProbesOnlyFrom) wait_until_ = now + delay();
}

}  // namespace flaskscale::scaler
