#include "proxy/server/event_hook.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace flaskscale::server {

EventHook::EventHook(std::unique_ptr<HookTarget> target, std::shared_ptr<HookCounts> counts,
                     Random random, HookTimes times)
    : target_(std::move(target)), counts_(std::move(counts)), times_(times), random_(random) {}

EventHook::~EventHook() {
  finish(Duration::zero());
  target_->cancel();
  if (thread_.joinable()) thread_.join();
}

void EventHook::push(std::shared_ptr<const Message> message) {
  {
    const std::lock_guard lock(mutex_);
    if (deadline_) return;
    waiting_.push_back({std::move(message), Clock::now()});
    if (waiting_.size() > kMostWaiting) {
      waiting_.pop_front();
      if (counts_->dropped++ == 0) {
        spdlog::warn("on_event {}: more than {} events wait, the oldest are dropped",
                     target_->name(), kMostWaiting);
      }
    }
  }
  wake_.notify_one();
  if (thread_.joinable()) return;
  // Signals are for the loop's thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void EventHook::finish(Duration patience) {
  {
    const std::lock_guard lock(mutex_);
    const Time deadline = Clock::now() + patience;
    deadline_ = deadline_ ? std::min(*deadline_, deadline) : deadline;
    finished_ = finished_ || !thread_.joinable();
  }
  wake_.notify_one();
}

bool EventHook::is_finished() const {
  const std::lock_guard lock(mutex_);
  return finished_;
}

void EventHook::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return deadline_ || !waiting_.empty(); });
    if (waiting_.empty() || time_left() <= Duration::zero()) break;
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    take_to_end(next, lock);
  }
  if (!waiting_.empty()) {
    counts_->dropped += waiting_.size();
    spdlog::warn("on_event {}: {} events are not delivered, since the program ends",
                 target_->name(), waiting_.size());
    waiting_.clear();
  }
  finished_ = true;
}

// How long the next try may take.
Duration EventHook::time_left() const {
  return deadline_ ? std::min<Duration>(times_.timeout, *deadline_ - Clock::now()) : times_.timeout;
}

void EventHook::take_to_end(const Waiting& waiting, std::unique_lock<std::mutex>& lock) {
  for (unsigned tries = 1;; ++tries) {
    const Duration timeout = time_left();
    HookReply reply{HookReply::Verdict::try_again, "the program ends", {}};
    if (timeout > Duration::zero()) {
      lock.unlock();
      reply = target_->deliver(waiting.message->event, waiting.message->id, timeout);
      lock.lock();
    }
    const bool over = reply.verdict != HookReply::Verdict::try_again ||
                      Clock::now() - waiting.since > times_.most_age;
    if (over || !wait_before_next_try(tries, reply.wait, lock)) {
      conclude(waiting, reply);
      return;
    }
    if (!complained_) {
      spdlog::warn("on_event {}: {}; it is tried again, {} more wait", target_->name(),
                   reply.detail, waiting_.size());
      complained_ = true;
    }
    ++counts_->retries;
  }
}

// False: there is no time for another try.
bool EventHook::wait_before_next_try(unsigned tries, Duration asked,
                                     std::unique_lock<std::mutex>& lock) {
  if (deadline_) return false;
  constexpr unsigned kMostDoublings = 20;
  const Duration wait = std::min<Duration>(
      times_.longest_wait, times_.first_wait * (1U << std::min(tries - 1, kMostDoublings)));
  const auto jittered = std::chrono::duration_cast<Duration>(wait * (0.8 + 0.4 * random_.unit()));
  wake_.wait_for(lock, std::max(jittered, asked), [this] { return deadline_.has_value(); });
  return time_left() > Duration::zero();
}

void EventHook::conclude(const Waiting& waiting, const HookReply& reply) {
  switch (reply.verdict) {
    case HookReply::Verdict::delivered:
      ++counts_->delivered;
      if (complained_) spdlog::info("on_event {}: delivers again", target_->name());
      complained_ = false;
      return;
    case HookReply::Verdict::refused:
      ++counts_->refused;
      spdlog::warn("on_event {}: event {} is refused: {}", target_->name(), waiting.message->id,
                   reply.detail);
      return;
    case HookReply::Verdict::try_again:
      ++counts_->dropped;
      spdlog::warn("on_event {}: event {} is given up: {}", target_->name(), waiting.message->id,
                   reply.detail);
      return;
  }
}

}  // namespace flaskscale::server
