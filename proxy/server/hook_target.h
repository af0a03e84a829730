// Where events go: the seam between a hook and what it calls.
#pragma once

#include <string>

#include "base/time.h"

namespace flaskscale::server {

struct HookReply {
  enum class Verdict : uint8_t {
    delivered,
    refused,    // it will never be taken: not tried again
    try_again,  // something passing
  };
  Verdict verdict = Verdict::delivered;
  std::string detail;                // of what is not delivered, for people
  Duration wait = Duration::zero();  // try_again: at least this long, as it was asked for
};

class HookTarget {
 public:
  virtual ~HookTarget() = default;
  // Blocks, for at most `timeout`. One call at a time.
  virtual HookReply deliver(const std::string& event, const std::string& id, Duration timeout) = 0;
  // Any thread: the call under way, soon, and all later ones end with try_again.
  virtual void cancel() = 0;
  // For the log; without what may be secret.
  virtual std::string name() const = 0;
};

}  // namespace flaskscale::server
