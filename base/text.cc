#include "base/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <optional>
#include <vector>

namespace flaskscale {
namespace {

struct Unit {
  std::string_view name;
  uint64_t value;
};

constexpr std::array<Unit, 6> kDurationUnits = {{{"d", 86'400'000'000'000},
                                                 {"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000}}};

constexpr std::array<Unit, 6> kSizeUnits = {{{"TiB", 1ULL << 40U},
                                             {"GiB", 1ULL << 30U},
                                             {"MiB", 1ULL << 20U},
                                             {"KiB", 1ULL << 10U},
                                             {"B", 1},
                                             {"", 1}}};

// A decimal number as written: "1.5" is whole 1, fraction "5".
struct Decimal {
  uint64_t whole = 0;
  std::string_view fraction;
};

// Takes the number at the front of `rest`; none if there is none or it is too big.
std::optional<Decimal> take_decimal(std::string_view& rest) {
  Decimal number;
  size_t i = 0;
  for (; i < rest.size() && is_digit(rest[i]); ++i) {
    const auto digit = static_cast<uint64_t>(rest[i] - '0');
    if (number.whole > (std::numeric_limits<uint64_t>::max() - digit) / 10) return std::nullopt;
    number.whole = number.whole * 10 + digit;
  }
  if (i == 0) return std::nullopt;
  if (i < rest.size() && rest[i] == '.') {
    const size_t begin = ++i;
    while (i < rest.size() && is_digit(rest[i])) ++i;
    if (i == begin) return std::nullopt;
    number.fraction = rest.substr(begin, i - begin);
  }
  rest.remove_prefix(i);
  return number;
}

// number × unit; none if it is above `limit` or not whole.
std::optional<uint64_t> scale(Decimal number, uint64_t unit, uint64_t limit) {
  __extension__ using Wide = unsigned __int128;
  constexpr size_t kMostDigits = 18;
  while (!number.fraction.empty() && number.fraction.back() == '0')
    number.fraction.remove_suffix(1);
  if (number.fraction.size() > kMostDigits) return std::nullopt;
  uint64_t digits = 0;
  uint64_t places = 1;
  for (const char c : number.fraction) {
    digits = digits * 10 + static_cast<uint64_t>(c - '0');
    places *= 10;
  }
  const Wide part = Wide{digits} * unit;
  if (part % places != 0) return std::nullopt;
  const Wide result = Wide{number.whole} * unit + part / places;
  if (result > limit) return std::nullopt;
  return static_cast<uint64_t>(result);
}

// The value with at most three decimals, if that is exact: 1500 in thousands is "1.5".
std::optional<std::string> exact_decimal(uint64_t value, uint64_t unit) {
  const uint64_t rest = value % unit;
  if (rest * 1000 % unit != 0)
    return std::nullopt;  // no overflow: rest is below one day in nanoseconds
  std::string text = std::to_string(value / unit);
  if (rest == 0) return text;
  std::string decimals = std::to_string(1000 + rest * 1000 / unit).substr(1);
  while (decimals.back() == '0') decimals.pop_back();
  return text + "." + decimals;
}

std::string_view take_letters(std::string_view& rest) {
  size_t n = 0;
  while (n < rest.size() && !is_digit(rest[n]) && rest[n] != '.') ++n;
  const std::string_view letters = rest.substr(0, n);
  rest.remove_prefix(n);
  return letters;
}

std::string_view size_hint(std::string_view unit) {
  if (unit.empty()) return "";
  switch (std::tolower(static_cast<unsigned char>(unit.front()))) {
    case 'k':
      return ": write KiB (1024 bytes)";
    case 'm':
      return ": write MiB (1024 KiB)";
    case 'g':
      return ": write GiB (1024 MiB)";
    case 't':
      return ": write TiB (1024 GiB)";
    default:
      return "";
  }
}

// Changes of one letter, and swaps of two neighbours, that turn `a` into `b`.
size_t edit_distance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> rows(3 * width);
  size_t* before_last = rows.data();
  size_t* last = before_last + width;
  size_t* row = last + width;
  for (size_t j = 0; j < width; ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j < width; ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    size_t* const oldest = before_last;
    before_last = last;
    last = row;
    row = oldest;
  }
  return last[b.size()];
}

// The length of the valid UTF-8 sequence at the front, or 0.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return 0;
  }
  const unsigned char second = byte(1);
  if (first == 0xe0 && second < 0xa0) return 0;  // longer than needed
  if (first == 0xed && second > 0x9f) return 0;  // surrogates
  if (first == 0xf0 && second < 0x90) return 0;  // longer than needed
  if (first == 0xf4 && second > 0x8f) return 0;  // beyond U+10FFFF
  return length;
}

void append_control(unsigned char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u00";
  out += kHex[c >> 4U];
  out += kHex[c & 0xfU];
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

Error bad_text(std::string_view text, std::string_view why) {
  return make_error(ErrorCode::invalid_argument,
                    "\"" + std::string(text) + "\" " + std::string(why));
}

Result<Duration> parse_duration(std::string_view text) {
  constexpr std::string_view kUsage =
      "is not a duration: write a number and a unit (us, ms, s, m, h, d), such as \"30s\"";
  constexpr auto kLimit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  std::string_view rest = text;
  if (rest == "0") return Duration::zero();
  if (rest.empty()) return bad_text(text, kUsage);

  uint64_t total = 0;
  size_t next_unit = 0;  // "1h30m", never "30m1h" or "1m1m"
  while (!rest.empty()) {
    const auto number = take_decimal(rest);
    if (!number) return bad_text(text, kUsage);
    const std::string_view name = take_letters(rest);
    if (name.empty())
      return bad_text(text, "has no unit: write us, ms, s, m, h or d behind the number");
    size_t unit = 0;
    while (unit < kDurationUnits.size() && kDurationUnits[unit].name != name) ++unit;
    if (unit == kDurationUnits.size()) return bad_text(text, kUsage);
    if (unit < next_unit)
      return bad_text(text, "is not a duration: units go from large to small, each once");
    next_unit = unit + 1;
    const auto part = scale(*number, kDurationUnits[unit].value, kLimit - total);
    if (!part) return bad_text(text, "is too long or too fine for a duration");
    total += *part;
  }
  return std::chrono::duration_cast<Duration>(
      std::chrono::nanoseconds(static_cast<int64_t>(total)));
}

Result<uint64_t> parse_size(std::string_view text) {
  constexpr std::string_view kUsage =
      "is not a size: write a number and a unit (B, KiB, MiB, GiB, TiB), such as \"64KiB\"";
  std::string_view rest = text;
  const auto number = take_decimal(rest);
  if (!number) return bad_text(text, kUsage);
  const auto* unit = std::find_if(kSizeUnits.begin(), kSizeUnits.end(),
                                  [&](const Unit& candidate) { return candidate.name == rest; });
  if (unit == kSizeUnits.end()) {
    const std::string_view hint = size_hint(rest);
    if (hint.empty()) return bad_text(text, kUsage);
    return bad_text(text, "has an unknown unit" + std::string(hint));
  }
  const auto bytes = scale(*number, unit->value, std::numeric_limits<uint64_t>::max());
  if (!bytes) return bad_text(text, "is too large, or not a whole number of bytes");
  return *bytes;
}

std::string format_duration(Duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  if (count == 0) return "0s";
  const uint64_t value =
      count < 0 ? uint64_t{0} - static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
  std::string shortest;
  for (const Unit& unit : kDurationUnits) {
    if (value < unit.value && unit.name != kDurationUnits.back().name)
      continue;  // "250ms", not "0.25s"
    auto form = exact_decimal(value, unit.value);
    if (!form) continue;
    *form += unit.name;
    if (shortest.empty() || form->size() < shortest.size()) shortest = std::move(*form);
  }
  return count < 0 ? "-" + shortest : shortest;
}

std::string format_size(uint64_t bytes) {
  for (size_t i = 0; kSizeUnits[i].value > 1; ++i) {
    const uint64_t unit = kSizeUnits[i].value;
    if (bytes < unit) continue;
    uint64_t whole = bytes / unit;
    uint64_t tenths = (bytes % unit + unit / 20) / (unit / 10);
    if (tenths == 10) {
      ++whole;
      tenths = 0;
    }
    if (whole == 1024 && i > 0) return "1" + std::string(kSizeUnits[i - 1].name);
    std::string text = std::to_string(whole);
    if (tenths != 0) text += "." + std::to_string(tenths);
    return text + std::string(kSizeUnits[i].name);
  }
  return std::to_string(bytes) + "B";
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr size_t kLongestWord = 64;  // longer ones are no slip of the finger
  std::string_view best;
  size_t best_distance = std::numeric_limits<size_t>::max();
  if (word.size() > kLongestWord) return best;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const size_t distance = edit_distance(word, candidate);
    const size_t letters = std::max(word.size(), candidate.size());
    if (distance * 3 > letters || distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

void append_json_escaped(std::string_view text, std::string& out) {
  size_t plain = 0;  // begin of what can be copied as it is
  size_t i = 0;
  const auto flush = [&] { out.append(text, plain, i - plain); };
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      const size_t length = utf8_length(text.substr(i));
      if (length != 0) {
        i += length;
        continue;
      }
      flush();
      out += "\xEF\xBF\xBD";
    } else if (c < 0x20 || c == '"' || c == '\\') {
      flush();
      append_control(c, out);
    } else {
      ++i;
      continue;
    }
    plain = ++i;
  }
  flush();
}

}  // namespace flaskscale
