// Takes events to one target, in order, on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/random.h"
#include "base/time.h"
#include "proxy/server/hook_target.h"

namespace flaskscale::server {

// What became of the events of a pool's hooks; only grows.
struct HookCounts {
  std::atomic<uint64_t> delivered{0};
  std::atomic<uint64_t> refused{0};  // by the target
  std::atomic<uint64_t> dropped{0};  // too many waited, it waited too long, or the program ended
  std::atomic<uint64_t> retries{0};
};

struct HookTimes {
  Duration timeout = std::chrono::seconds(5);        // of one try
  Duration first_wait = std::chrono::seconds(1);     // between two tries; doubles …
  Duration longest_wait = std::chrono::seconds(60);  // … up to this; ± 20 %
  Duration most_age = std::chrono::hours(1);         // an event that is older is not tried again
};

// An event is tried until it is delivered, refused or too old; meanwhile the later ones wait. When
// more than kMostWaiting wait, the oldest goes. Control loop only, which never waits for it but in
// the destructor.
class EventHook {
 public:
  static constexpr size_t kMostWaiting = 1000;

  struct Message {
    std::string id;
    std::string event;
  };

  EventHook(std::unique_ptr<HookTarget> target, std::shared_ptr<HookCounts> counts, Random random,
            HookTimes times = {});
  // Ends the try under way, which may take a second.
  ~EventHook();
  EventHook(const EventHook&) = delete;
  EventHook& operator=(const EventHook&) = delete;

  void push(std::shared_ptr<const Message> message);

  // Nothing more will be pushed: what waits is tried once more, without waiting between, until
  // `patience` is over.
  void finish(Duration patience);
  // After finish(): its thread has nothing left to do.
  bool is_finished() const;

 private:
  struct Waiting {
    std::shared_ptr<const Message> message;
    Time since;
  };
  void work();
  // How it ended; none: the program ends.
  void take_to_end(const Waiting& waiting, std::unique_lock<std::mutex>& lock);
  bool wait_before_next_try(unsigned tries, Duration asked, std::unique_lock<std::mutex>& lock);
  void conclude(const Waiting& waiting, const HookReply& reply);
  Duration time_left() const;

  const std::unique_ptr<HookTarget> target_;
  const std::shared_ptr<HookCounts> counts_;
  const HookTimes times_;
  std::thread thread_;  // from the first event on

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  Random random_;
  std::deque<Waiting> waiting_;
  std::optional<Time> deadline_;  // finish() was called
  bool finished_ = false;
  bool complained_ = false;  // about what fails now
};

}  // namespace flaskscale::server
