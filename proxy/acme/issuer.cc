#include "proxy/acme/issuer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "proxy/acme/retry_wait.h"

namespace flaskscale::acme {
namespace {

// When nothing is wanted.
constexpr auto kLong = std::chrono::hours(24);
// Less is what clocks are set by all the time.
constexpr auto kClockJump = std::chrono::minutes(1);

}  // namespace

Issuer::Issuer(DirectorySettings settings, Pace pace, Store& store, ChallengeBoard& board,
               scaler::HttpClient& client, Random random)
    : settings_(std::move(settings)),
      pace_(pace),
      store_(store),
      board_(board),
      client_(client),
      random_(random),
      hold_(store.hold(settings_.url)) {}

void Issuer::want(const std::vector<std::vector<std::string>>& certificates, WallTime now) {
  wanted_ = certificates;
  // Of the run before, if this is the first: a start may be tried soon, but not at once, unless the
  // directory itself has asked for the wait. A clock that was wrong must not hold things up.
  const Duration longest = hold_.asked_to_wait ? pace_.longest_retry_after : pace_.between_orders;
  hold_.until = std::min(hold_.until, later(now, longest));
  std::map<std::string, std::unique_ptr<CertificateJob>> before = std::move(jobs_);
  jobs_.clear();
  for (const std::vector<std::string>& names : certificates) {
    auto& job = jobs_[names.front()];
    if (job != nullptr) continue;
    const auto found = before.find(names.front());
    if (found != before.end() && found->second->names() == names) {
      job = std::move(found->second);
      continue;
    }
    // Its challenges go before the next one's are put up.
    if (found != before.end()) before.erase(found);
    job =
        std::make_unique<CertificateJob>(names, store_, board_, pace_, Random(random_.next()), now);
  }
}

void Issuer::try_soon(WallTime now) {
  if (!hold_.asked_to_wait) hold_.until = std::min(hold_.until, now);
  for (const auto& [name, job] : jobs_) job->try_soon(now);
}

CertificateJob* Issuer::most_due() const {
  const auto under_way = std::count_if(
      jobs_.begin(), jobs_.end(), [](const auto& entry) { return entry.second->is_followed(); });
  const bool may_begin = static_cast<size_t>(under_way) < pace_.most_orders;
  CertificateJob* first = nullptr;
  for (const auto& [name, job] : jobs_) {
    if (!may_begin && !job->is_under_way()) continue;
    if (first == nullptr || job->due() < first->due()) first = job.get();
  }
  return first;
}

// What was planned by a clock that was ahead would be done much too late.
void Issuer::plan_anew(WallTime now) {
  spdlog::warn("acme: the clock went back by {}", rounded(last_step_ - now));
  jobs_.clear();
  want(std::vector<std::vector<std::string>>(wanted_), now);
}

WallTime Issuer::step(WallTime now) {
  if (now + kClockJump < last_step_) plan_anew(now);
  last_step_ = now;
  CertificateJob* const job = most_due();
  if (job == nullptr) return now + kLong;
  const WallTime due = std::max(job->due(), hold_.until);
  if (due > now) return due;
  if (auto next_try = open_session(now)) return *next_try;
  switch (job->step(now, *session_)) {
    case CertificateJob::Outcome::goes_on:
      break;
    case CertificateJob::Outcome::issued:
      ++counts_.issued;
      break;
    case CertificateJob::Outcome::failed:
      ++counts_.failed;
      break;
  }
  keep_account();
  const CertificateJob* const next = most_due();
  return next == nullptr ? now + kLong : std::max(next->due(), hold_.until);
}

std::optional<WallTime> Issuer::open_session(WallTime now) {
  if (session_ == nullptr) {
    auto key = store_.account_key();
    if (!key) return hold({FailureKind::local, key.error().detail, std::nullopt}, now);
    kept_account_ = store_.account(settings_.url);
    session_ = std::make_unique<Session>(settings_, pace_, *std::move(key), kept_account_, client_);
  }
  const auto failure = session_->open(now);
  keep_account();
  if (failure) return hold(*failure, now);
  failures_ = 0;
  hold_reason_.clear();
  if (hold_ != Hold()) keep_hold({});
  return std::nullopt;
}

WallTime Issuer::hold(const Failure& failure, WallTime now) {
  const bool is_cancelled = failure.kind == FailureKind::cancelled;
  if (!is_cancelled) ++failures_;
  const Duration wait = wait_after(failure, failures_, pace_, random_);
  if (is_cancelled) {
    hold_ = {later(now, wait), false};
    return hold_.until;
  }
  keep_hold({later(now, wait),
             failure.kind == FailureKind::rate_limited || failure.retry_after.has_value()});
  ++counts_.failed;
  hold_reason_ = failure.text;
  spdlog::warn("acme: {}; the next try is in {}", failure.text, rounded(wait));
  return hold_.until;
}

void Issuer::keep_hold(Hold hold) {
  hold_ = hold;
  if (auto kept = store_.keep_hold(settings_.url, hold_); !kept) {
    spdlog::error("acme: {}; a restart will not know of it", kept.error().detail);
  }
}

void Issuer::keep_account() {
  if (session_->account() == kept_account_) return;
  kept_account_ = session_->account();
  if (auto kept = store_.keep_account(settings_.url, kept_account_); !kept) {
    spdlog::error("acme: {}; a restart will make the account anew", kept.error().detail);
  }
}

std::vector<JobStatus> Issuer::status() const {
  std::vector<JobStatus> all;
  for (const auto& [name, job] : jobs_) {
    all.push_back(job->status());
    if (hold_reason_.empty()) continue;
    all.back().last_error = hold_reason_;
    all.back().next = std::max(all.back().next, hold_.until);
  }
  return all;
}

}  // namespace flaskscale::acme
