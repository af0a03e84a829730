#include "balancer/load_meter.h"

#include <algorithm>
#include <chrono>

namespace flaskscale::balancer {
namespace {

constexpr uint32_t kCountBits = 24;
constexpr uint64_t kCountMask = (1ULL << kCountBits) - 1;
constexpr uint32_t kTickShift = 14;
constexpr double kSecondsPerTick = 16384e-9;

// A difference modulo 2^40, as the nearest number with a sign.
int64_t signed_difference(uint64_t later, uint64_t earlier) {
  return static_cast<int64_t>((later - earlier) << kCountBits) >> kCountBits;
}

uint64_t ticks(Time now) {
  const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch());
  return static_cast<uint64_t>(since.count() >> kTickShift);
}

}  // namespace

LoadMeter::LoadMeter(uint16_t workers)
    : count_(std::max<uint16_t>(workers, 1)),
      lines_(std::make_unique<Line[]>(count_)),
      last_integral_(count_, 0) {}

void LoadMeter::count_served_arrival(uint16_t worker, Time now) {
  Line& own = line(worker);
  own.flow.fetch_add(1 - (ticks(now) << kCountBits), std::memory_order_relaxed);
  own.served_arrivals.fetch_add(1, std::memory_order_relaxed);
}

void LoadMeter::count_arrival(uint16_t worker) {
  line(worker).other_arrivals.fetch_add(1, std::memory_order_relaxed);
}

void LoadMeter::count_take(uint16_t worker, Time now) {
  Line& own = line(worker);
  own.flow.fetch_add(1 - (ticks(now) << kCountBits), std::memory_order_relaxed);
  own.other_takes.fetch_add(1, std::memory_order_relaxed);
}

void LoadMeter::count_release(uint16_t worker, Time now) {
  line(worker).flow.fetch_add((ticks(now) << kCountBits) - 1, std::memory_order_relaxed);
}

void LoadMeter::count_completion(uint16_t worker, Duration held) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(held).count();
  Line& own = line(worker);
  own.completions.fetch_add(1, std::memory_order_relaxed);
  own.held_ns.fetch_add(static_cast<uint64_t>(std::max<int64_t>(ns, 0)), std::memory_order_relaxed);
}

uint64_t LoadMeter::in_flight() const {
  uint64_t sum = 0;
  for (uint16_t i = 0; i < count_; ++i) {
    sum += lines_[i].flow.load(std::memory_order_relaxed) & kCountMask;
  }
  return sum;
}

void LoadMeter::integrate(Time now) {
  const std::lock_guard lock(mutex_);
  for (uint16_t i = 0; i < count_; ++i) {
    const uint64_t flow = lines_[i].flow.load(std::memory_order_relaxed);
    const uint64_t integral = (flow >> kCountBits) + (flow & kCountMask) * ticks(now);
    const int64_t grown = signed_difference(integral, last_integral_[i]);
    in_flight_seconds_ += static_cast<double>(grown) * kSecondsPerTick;
    last_integral_[i] = integral;
  }
  // Workers' clocks may lie a little ahead of `now`.
  reported_seconds_ = std::max(reported_seconds_, in_flight_seconds_);
}

LoadReading LoadMeter::read(Time now) {
  integrate(now);
  LoadReading reading;
  for (uint16_t i = 0; i < count_; ++i) {
    const Line& one = lines_[i];
    const uint64_t served_at_once = one.served_arrivals.load(std::memory_order_relaxed);
    reading.arrivals += served_at_once + one.other_arrivals.load(std::memory_order_relaxed);
    reading.dispatched += served_at_once + one.other_takes.load(std::memory_order_relaxed);
    reading.completions += one.completions.load(std::memory_order_relaxed);
    reading.holding_seconds +=
        static_cast<double>(one.held_ns.load(std::memory_order_relaxed)) * 1e-9;
  }
  reading.refused = refused_.load(std::memory_order_relaxed);
  reading.client_left = client_left_.load(std::memory_order_relaxed);
  reading.in_flight = in_flight();
  const std::lock_guard lock(mutex_);
  reading.in_flight_seconds = reported_seconds_;
  return reading;
}

}  // namespace flaskscale::balancer
