#include "simulator/knative_law.h"

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace flaskscale::simulator {
namespace {

constexpr double kKnativeInterval = 2;

Time time_of(double seconds) { return Time{} + from_seconds(seconds); }

}  // namespace

KnativeLaw::KnativeLaw(const Settings& settings)
    : settings_(settings),
      stable_(settings.stable_window),
      panic_(settings.panic_window),
      delayed_(from_seconds(std::max(settings.scale_down_delay, 1.0))) {}

double KnativeLaw::asked(double concurrency, double slots, double utilization) {
  return whole(concurrency / (slots * utilization));
}

uint32_t KnativeLaw::wanted(const LawView& view) {
  const double concurrency = view.in_flight + view.waiting;
  stable_.add(view.now, concurrency);
  panic_.add(view.now, concurrency);
  if (concurrency > 0) busy_at_ = view.now;
  // The activator tells of a request to an empty pool at once.
  const bool poked = view.ready + view.booting == 0 && concurrency > 0;
  if (view.now < next_ && !poked) return wanted_;
  next_ = view.now + kKnativeInterval;
  wanted_ = decide(view);
  return wanted_;
}

uint32_t KnativeLaw::decide(const LawView& view) {
  const double ready = std::max(1.0, static_cast<double>(view.ready));
  if (!begun_) {
    begun_ = true;
    panic_since_ = view.now;
    panic_most_ = view.ready;
  }
  const double stable_asked = asked(stable_.mean(), view.slots, settings_.utilization);
  const double panic_asked = asked(panic_.mean(), view.slots, settings_.utilization);
  const double least = std::floor(ready / settings_.scale_down_rate);
  const double most = std::ceil(ready * settings_.scale_up_rate);
  const double stable_wanted = std::min(std::max(stable_asked, least), most);
  const double panic_wanted = std::min(std::max(panic_asked, least), most);

  const bool over = panic_asked / ready >= settings_.panic_threshold;
  if (over) {
    panic_since_ = view.now;
  } else if (panic_since_ >= 0 && panic_since_ + settings_.stable_window < view.now) {
    panic_since_ = -1;
    panic_most_ = 0;
  }
  double wanted = stable_wanted;
  if (panic_since_ >= 0) {
    panic_most_ = std::max({panic_most_, panic_wanted, stable_wanted});
    wanted = panic_most_;
  }
  if (settings_.scale_down_delay > 0) {
    delayed_.add(wanted, time_of(view.now));
    wanted = delayed_.max(from_seconds(settings_.scale_down_delay), time_of(view.now));
  }
  const bool idle = view.now - busy_at_ >= settings_.stable_window + settings_.zero_grace;
  return static_cast<uint32_t>(std::max(wanted, idle ? 0.0 : 1.0));
}

}  // namespace flaskscale::simulator
