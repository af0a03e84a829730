#include "scaler/providers/gce_call_budget.h"

#include <algorithm>

namespace flaskscale::scaler {
namespace {

constexpr Duration kWindow = std::chrono::seconds(60);
constexpr Duration kLongestBackOff = std::chrono::seconds(60);
// Clocks differ a little, and everybody else comes back at the boundary too.
constexpr double kMinuteJitterSeconds = 5;
constexpr Duration kAfterMinute = std::chrono::milliseconds(500);

}  // namespace

Duration GceCallBudget::wait(Use use, Time now) const {
  const Duration pause = std::max(Duration::zero(), paused_until_ - now);
  const size_t most = use == Use::read ? limit_ - limit_ / 4 : limit_;
  const auto first =
      std::find_if(calls_.begin(), calls_.end(), [&](Time at) { return at > now - kWindow; });
  const auto recent = static_cast<size_t>(calls_.end() - first);
  if (recent < most) return pause;
  const Time oldest_in_the_way = *(calls_.end() - static_cast<std::ptrdiff_t>(most));
  return std::max(pause, oldest_in_the_way + kWindow - now);
}

void GceCallBudget::on_call(Time now) {
  while (!calls_.empty() && calls_.front() <= now - kWindow) calls_.pop_front();
  calls_.push_back(now);
}

void GceCallBudget::back_off(Duration retry_after, Time now, Random& random) {
  const double seconds = static_cast<double>(1U << std::min(failures_++, 6U));
  const Duration most = std::min(kLongestBackOff, from_seconds(seconds));
  const Duration pause = from_seconds(to_seconds(most) * random.unit());
  paused_until_ = std::max(paused_until_, now + std::max(pause, retry_after));
}

void GceCallBudget::pause_to_next_minute(Time now, WallTime wall, Random& random) {
  const auto into_minute = wall.time_since_epoch() % std::chrono::minutes(1);
  const Duration rest = std::chrono::minutes(1) - into_minute;
  paused_until_ = std::max(paused_until_, now + rest + kAfterMinute +
                                              from_seconds(kMinuteJitterSeconds * random.unit()));
}

}  // namespace flaskscale::scaler
