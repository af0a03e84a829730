// Who may change a group: a word at the end of its description, so that two programs that know
// nothing of each other don't both scale it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace flaskscale::scaler {

// "[flaskscale owner=ID]". Another that wants the group adds "challenger=ID"; an owner that lives
// strikes it out, one that does not within `patience` has lost the group. So nothing is written
// while all is well. Writing is the caller's, with the fingerprint that it has read, so that of two
// writers one fails. Not thread-safe.
class GceLease {
 public:
  // `owner`: [a-z0-9-]; empty: no lease, the group is always ours. `patience`: longer than any
  // owner leaves the description unread.
  GceLease(std::string owner, Duration patience)
      : owner_(std::move(owner)), patience_(patience), is_held_(owner_.empty()) {}

  // Looks at the description as it is now. A value: the description to write instead of it.
  std::optional<std::string> look_at(const std::string& description, Time now);
  // The description that look_at() gave has been written; until then the group is not ours.
  void on_written();
  // It can't be written at all: without a lease rather than not scaling, unless there is an owner.
  void on_unwritable();

  bool is_held() const { return is_held_; }
  // Whose it is when it is not ours; empty: nobody's yet.
  const std::string& holder() const { return holder_; }

 private:
  struct Claim {
    std::string before;  // the description without the claim
    std::string owner;
    std::string challenger;
  };
  static Claim parse(const std::string& description);
  static std::string text_of(const Claim& claim);
  std::optional<std::string> challenge(Claim claim, Time now);

  const std::string owner_;
  const Duration patience_;
  bool is_held_;
  std::string holder_;
  std::string written_owner_;          // of what look_at() gave last
  std::optional<Time> challenged_at_;  // our challenge is seen since then
  std::optional<Time> next_challenge_at_;
};

}  // namespace flaskscale::scaler
