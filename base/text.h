// Durations, sizes and names as people write them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace flaskscale {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// `"text" why`, as an invalid argument.
Error bad_text(std::string_view text, std::string_view why);

// "250ms", "1.5s", "2m", "1h30m", "0s". Units: us, ms, s, m, h, d. A bare number other than 0 is an
// error.
Result<Duration> parse_duration(std::string_view text);

// "512", "64KiB", "10MiB", "1GiB" (binary units only; "KB" is refused with a hint). Bytes.
Result<uint64_t> parse_size(std::string_view text);

// The shortest exact form that parse_duration reads back: "1.5s", "10m".
std::string format_duration(Duration duration);

// "64KiB", "1.5MiB": at most one decimal.
std::string format_size(uint64_t bytes);

// The candidate with the smallest edit distance to `word`, or an empty view when none is near
// enough (more than a third of the letters differ) to be meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// ASCII only: header names and hosts.
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string lower_case(std::string_view text);

// `text` as the inside of a JSON string, appended to `out`; invalid UTF-8 becomes U+FFFD.
void append_json_escaped(std::string_view text, std::string& out);

}  // namespace flaskscale
