#include "balancer/wait_forecast.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace flaskscale::balancer {
namespace {

constexpr double kMemorySeconds = 10;  // time constant of the decaying sums
constexpr double kEnoughReleases = 3;
constexpr double kEnoughSlotSeconds = 0.25;
constexpr Duration kForgetAfter = std::chrono::seconds(60);

// Design: a request that waits for a boot is held clamp(3.5 × median boot, 10 s, 180 s).
constexpr double kHoldPerBoot = 3.5;
constexpr double kLeastHold = 10;
constexpr double kMostHold = 180;

}  // namespace

void WaitForecast::tick(bool somebody_waits, double slots, Time now) {
  const double elapsed = last_tick_ ? to_seconds(now - *last_tick_) : 0;
  const bool busy = somebody_waits && waited_at_last_tick_;
  if (busy && elapsed > 0) {
    const double decay = std::exp(-elapsed / kMemorySeconds);
    slot_seconds_ = slot_seconds_ * decay + slots * elapsed;
    released_ = released_ * decay + static_cast<double>(releases_);
    last_busy_ = now;
  } else if (!busy && now - last_busy_ > kForgetAfter) {
    slot_seconds_ = released_ = 0;
  }
  // An empty pool's first boot begins with the first request that waits for it.
  if (coming_since_ && !somebody_waits && slots <= 0) coming_since_ = now;
  releases_ = 0;
  last_tick_ = now;
  waited_at_last_tick_ = somebody_waits;
}

void WaitForecast::expect(bool coming, Duration boot_median, Time now) {
  if (!coming) {
    if (coming_since_) came_at_ = now;
    coming_since_.reset();
    return;
  }
  if (!coming_since_) coming_since_ = now;
  boot_median_ = std::max(boot_median, Duration::zero());
}

Duration WaitForecast::hold() const {
  return from_seconds(std::clamp(kHoldPerBoot * to_seconds(boot_median_), kLeastHold, kMostHold));
}

Time WaitForecast::deadline(Time enqueued, Duration timeout) const {
  const Time usual = enqueued + timeout;
  if (is_coming()) return std::max(usual, enqueued + hold());
  if (!came_at_ || enqueued > *came_at_) return usual;
  return std::max(usual, std::min(enqueued + hold(), *came_at_ + timeout));
}

std::optional<double> WaitForecast::seconds_to_capacity(Time now) const {
  if (!coming_since_) return std::nullopt;
  // Overdue: it may come at any moment.
  return std::max(to_seconds(*coming_since_ + boot_median_ - now), 1.0);
}

std::optional<double> WaitForecast::wait_seconds(size_t ahead, double slots, size_t backends,
                                                 Time now) const {
  if (released_ < kEnoughReleases || slot_seconds_ < kEnoughSlotSeconds) return std::nullopt;
  if (backends == 0 || slots <= 0) return std::nullopt;
  const double rate = released_ / slot_seconds_ * slots;
  const double position = static_cast<double>(ahead) + 1;
  const std::optional<double> boot = seconds_to_capacity(now);
  if (!boot || position <= rate * *boot) return position / rate;
  // One more backend like those there are, from then on.
  const double per_backend = rate / static_cast<double>(backends);
  return *boot + (position - rate * *boot) / (rate + per_backend);
}

}  // namespace flaskscale::balancer
