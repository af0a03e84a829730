#include "proxy/acme/retry_wait.h"

#include <algorithm>

#include "base/text.h"

namespace flaskscale::acme {
namespace {

constexpr unsigned kMostDoublings = 20;
constexpr double kSpread = 0.25;

Duration doubled(Duration first, Duration longest, unsigned failures) {
  const unsigned doublings = std::min(std::max(failures, 1U) - 1, kMostDoublings);
  return std::min(longest, first * (1 << doublings));
}

Duration least_wait(const Failure& failure, unsigned failures, const Pace& pace) {
  switch (failure.kind) {
    case FailureKind::rate_limited:
      return failure.retry_after
                 ? *failure.retry_after
                 : std::max(pace.wait_rate_limited,
                            doubled(pace.first_wait_refused, pace.longest_wait_refused, failures));
    case FailureKind::refused:
    case FailureKind::gone:
    case FailureKind::not_ready:
      return doubled(pace.first_wait_refused, pace.longest_wait_refused, failures);
    case FailureKind::passing:
    case FailureKind::account_unknown:
    case FailureKind::local:
    case FailureKind::cancelled:
      return doubled(pace.first_wait, pace.longest_wait, failures);
  }
  return pace.longest_wait;
}

}  // namespace

Duration wait_after(const Failure& failure, unsigned failures, const Pace& pace, Random& random) {
  const Duration least =
      std::max(least_wait(failure, failures, pace), failure.retry_after.value_or(Duration::zero()));
  return least + std::chrono::duration_cast<Duration>(least * (kSpread * random.unit()));
}

std::string rounded(Duration duration) {
  using std::chrono::hours;
  using std::chrono::minutes;
  duration = std::max(duration, Duration::zero());
  if (duration >= hours(48)) return format_duration(duration - duration % hours(24));
  if (duration >= hours(2)) return format_duration(duration - duration % hours(1));
  if (duration >= minutes(2)) return format_duration(duration - duration % minutes(1));
  return format_duration(duration - duration % std::chrono::seconds(1));
}

WallTime renewal_of(const CertificateFacts& facts, const Pace& pace, Random& random) {
  const auto life = facts.not_after - facts.not_before;
  const auto part = life * (2.0 / 3 + pace.renewal_spread * random.unit());
  return facts.not_before + std::chrono::duration_cast<std::chrono::milliseconds>(part);
}

}  // namespace flaskscale::acme
