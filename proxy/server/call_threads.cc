#include "proxy/server/call_threads.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace flaskscale::server {

CallThreads::~CallThreads() {
  std::deque<Call> never_begun;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    never_begun.swap(waiting_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void CallThreads::run(std::function<void()> blocking, std::function<void()> then) {
  bool needs_thread = false;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(blocking), std::move(then)});
    needs_thread = busy_ + waiting_.size() > threads_.size() && threads_.size() < kMost;
  }
  if (needs_thread) {
    // Signals are for the loop's thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    threads_.emplace_back([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  wake_.notify_one();
}

size_t CallThreads::under_way() const {
  const std::lock_guard lock(mutex_);
  return busy_ + waiting_.size();
}

void CallThreads::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Call call = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    lock.unlock();
    call.blocking();
    call.blocking = nullptr;
    loop_.post(std::move(call.then));
    lock.lock();
    --busy_;
  }
}

}  // namespace flaskscale::server
