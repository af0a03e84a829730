// How one exchange is written as a line of the access log. Whatever a client sent is escaped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "balancer/exchange_record.h"

namespace flaskscale::admin {

enum class AccessLogFormat : uint8_t { json, text };

// The date of the last second asked for, so that it is computed once a second.
class DateCache {
 public:
  // "2026-01-02T03:04:05" of that second since 1970. The view stands until the next call.
  std::string_view iso(int64_t second);
  // "02/Jan/2026:03:04:05 +0000".
  std::string_view common_log(int64_t second);

 private:
  void fill(int64_t second);
  int64_t second_ = INT64_MIN;
  std::array<char, 19> iso_{};
  std::array<char, 26> common_log_{};
};

// No line is longer, newline included: longer values are cut, and marked by "..." at their end.
inline constexpr size_t kMaxLineBytes = 56 * 1024;

// An upper bound for the line of this record, at most kMaxLineBytes; cheap.
size_t line_bound(const balancer::ExchangeRecord& record);

// Writes the line, newline included, to `out`, which has room for line_bound(record) bytes. Returns
// its end.
char* write_line(AccessLogFormat format, const balancer::ExchangeRecord& record, DateCache& date,
                 char* out);

}  // namespace flaskscale::admin
