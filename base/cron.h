// Times that five cron fields name: minute, hour, day of month, month, day of week.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace flaskscale {

// How far the local clock is ahead of UTC at a given time. Injected, so that a schedule can be
// followed in any zone; the server's own is local_utc_offset() (base/local_time.h).
using UtcOffset = std::function<std::chrono::seconds(WallTime)>;

// Each field: `*`, a number, a name (JAN … DEC, SUN … SAT, any case), a range `a-b`, a step `*/n`,
// `a-b/n` or `a/n` (from a to the end), and lists of these with commas. Sunday is 0 or 7. When day
// of month and day of week are both given (neither begins with `*`), a day that fits either counts,
// as everywhere in cron.
//
// Changes of the clock: a local time that comes twice is named twice; one that is skipped is named
// as long after as it was skipped by (02:30 becomes 03:30). So nothing that is scheduled is lost.
//
// An immutable value; any thread.
class Cron {
 public:
  // The error says which field and which character is wrong.
  static Result<Cron> parse(std::string_view text);

  // The first named time within from <= t < until; none is not an error. At most ten years are
  // looked through. `offset` is expected to change at most once within
  // four days.
  std::optional<WallTime> next(WallTime from, WallTime until, const UtcOffset& offset) const;

  const std::string& text() const { return text_; }
  bool operator==(const Cron& other) const { return text_ == other.text_; }

 private:
  Cron() = default;
  bool fits(std::chrono::local_days day) const;
  std::optional<WallTime> next_on(std::chrono::local_days day, WallTime from,
                                  const UtcOffset& offset) const;

  std::string text_;
  // Bit i: the value i is named.
  uint64_t minutes_ = 0;
  uint64_t hours_ = 0;
  uint64_t days_of_month_ = 0;
  uint64_t months_ = 0;
  uint64_t days_of_week_ = 0;  // 0 … 6, Sunday is 0
  bool either_day_ = false;
};

}  // namespace flaskscale
