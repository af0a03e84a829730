#include "base/cron.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <vector>

#include "base/text.h"

namespace flaskscale {
namespace {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::minutes;

constexpr days kLongestSearch{3653};

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  std::string_view name;
  uint32_t least = 0;
  uint32_t most = 0;
  std::span<const std::string_view> words;  // the first stands for `least`
};

const std::array<Field, 5> kFields = {{{"minute", 0, 59, {}},
                                       {"hour", 0, 23, {}},
                                       {"day of month", 1, 31, {}},
                                       {"month", 1, 12, kMonths},
                                       {"day of week", 0, 7, kDays}}};

// Reads one field out of the whole text, so that errors can say where.
class FieldReader {
 public:
  FieldReader(std::string_view text, size_t begin, size_t end, const Field& field)
      : text_(text), at_(begin), end_(end), field_(field) {}

  Result<uint64_t> read() {
    uint64_t bits = 0;
    while (true) {
      const Result<uint64_t> item = read_item();
      if (!item) return item.error();
      bits |= *item;
      if (at_ == end_) return bits;
      if (text_[at_] != ',') return wrong("expected a comma, a dash, a slash or the end");
      ++at_;
    }
  }

 private:
  Result<uint64_t> read_item() {
    uint32_t first = field_.least;
    uint32_t last = field_.most;
    bool is_range = true;
    if (!take('*')) {
      const size_t begin = at_;
      const Result<uint32_t> value = read_value();
      if (!value) return value.error();
      first = last = *value;
      is_range = take('-');
      if (is_range) {
        const Result<uint32_t> end = read_value();
        if (!end) return end.error();
        last = *end;
        // SUN ends a week as well as it begins one.
        if (field_.most == 7 && last == 0 && first > 0) last = 7;
        if (last < first) return wrong_at(begin, "the range runs backwards");
      }
    }
    uint32_t step = 1;
    if (take('/')) {
      const size_t begin = at_;
      const Result<uint32_t> value = read_number();
      if (!value) return value.error();
      if (*value == 0) return wrong_at(begin, "a step of 0 leads nowhere");
      step = *value;
      if (!is_range) last = field_.most;
    }
    uint64_t bits = 0;
    for (uint64_t value = first; value <= last; value += step) bits |= uint64_t{1} << value;
    return bits;
  }

  Result<uint32_t> read_value() {
    const size_t begin = at_;
    const size_t letters_end = std::min(
        end_, static_cast<size_t>(std::find_if_not(text_.begin() + static_cast<ptrdiff_t>(at_),
                                                   text_.begin() + static_cast<ptrdiff_t>(end_),
                                                   is_letter) -
                                  text_.begin()));
    if (letters_end > begin) {
      const std::string word = lower_case(text_.substr(begin, letters_end - begin));
      const auto found = std::find(field_.words.begin(), field_.words.end(), word);
      if (found == field_.words.end()) return wrong("\"" + word + "\" is no name here");
      at_ = letters_end;
      return field_.least + static_cast<uint32_t>(found - field_.words.begin());
    }
    Result<uint32_t> number = read_number();
    if (number && (*number < field_.least || *number > field_.most)) {
      return wrong_at(begin, std::to_string(*number) + " is not within " +
                                 std::to_string(field_.least) + " to " +
                                 std::to_string(field_.most));
    }
    return number;
  }

  Result<uint32_t> read_number() {
    uint32_t number = 0;
    const auto [rest, error] = std::from_chars(text_.data() + at_, text_.data() + end_, number);
    if (error == std::errc::result_out_of_range) return wrong("the number is too large");
    if (error != std::errc{}) return wrong("expected a number");
    at_ = static_cast<size_t>(rest - text_.data());
    return number;
  }

  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

  bool take(char c) {
    if (at_ == end_ || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Error wrong(std::string_view what) const { return wrong_at(at_, what); }
  Error wrong_at(size_t at, std::string_view what) const {
    return make_error(ErrorCode::invalid_argument,
                      "cron \"" + std::string(text_) + "\", " + std::string(field_.name) +
                          ", character " + std::to_string(at + 1) + ": " + std::string(what));
  }

  std::string_view text_;
  size_t at_;
  size_t end_;
  const Field& field_;
};

bool is_space(char c) { return c == ' ' || c == '\t'; }

// Begin and end of each run of characters that are no space.
std::vector<std::pair<size_t, size_t>> split(std::string_view text) {
  std::vector<std::pair<size_t, size_t>> parts;
  for (size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    const size_t begin = at;
    while (at < text.size() && !is_space(text[at])) ++at;
    parts.emplace_back(begin, at);
  }
  return parts;
}

bool has(uint64_t bits, unsigned value) { return (bits >> value & 1) != 0; }

// In some year, one of the days is in one of the months.
bool some_day_exists(uint64_t days_of_month, uint64_t months) {
  constexpr std::array<unsigned, 12> kLengths = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (unsigned month = 1; month <= 12; ++month) {
    if (!has(months, month)) continue;
    for (unsigned day = 1; day <= kLengths[month - 1]; ++day) {
      if (has(days_of_month, day)) return true;
    }
  }
  return false;
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  const auto parts = split(text);
  if (parts.size() != kFields.size()) {
    return make_error(ErrorCode::invalid_argument,
                      "cron \"" + std::string(text) +
                          "\": expected five fields (minute, hour, day "
                          "of month, month, day of week), found " +
                          std::to_string(parts.size()));
  }
  Cron cron;
  cron.text_ = text;
  std::array<uint64_t, 5> bits{};
  for (size_t i = 0; i < kFields.size(); ++i) {
    const auto [begin, end] = parts[i];
    const Result<uint64_t> read = FieldReader(text, begin, end, kFields[i]).read();
    if (!read) return read.error();
    bits[i] = *read;
  }
  cron.minutes_ = bits[0];
  cron.hours_ = bits[1];
  cron.days_of_month_ = bits[2];
  cron.months_ = bits[3];
  cron.days_of_week_ = (bits[4] | bits[4] >> 7) & 0x7f;
  cron.either_day_ = text[parts[2].first] != '*' && text[parts[4].first] != '*';
  if (!cron.either_day_ && !some_day_exists(cron.days_of_month_, cron.months_)) {
    return make_error(ErrorCode::invalid_argument,
                      "cron \"" + std::string(text) + "\", day of month, character " +
                          std::to_string(parts[2].first + 1) + ": no month named has such a day");
  }
  return cron;
}

bool Cron::fits(local_days day) const {
  const std::chrono::year_month_day date{day};
  if (!has(months_, static_cast<unsigned>(date.month()))) return false;
  const bool by_date = has(days_of_month_, static_cast<unsigned>(date.day()));
  const bool by_weekday = has(days_of_week_, std::chrono::weekday{day}.c_encoding());
  return either_day_ ? by_date || by_weekday : by_date && by_weekday;
}

std::optional<WallTime> Cron::next_on(local_days day, WallTime from,
                                      const UtcOffset& offset) const {
  // On the days beside a change of the clock both offsets are tried; on others they are equal.
  const WallTime midnight{day.time_since_epoch()};
  const auto before = offset(midnight - days{1});
  const auto after = offset(midnight + days{2});
  std::optional<WallTime> first;
  const auto offer = [&](WallTime candidate) {
    if (candidate >= from && (!first || candidate < *first)) first = candidate;
  };
  for (unsigned at = 0; at < 24 * 60; ++at) {
    if (!has(hours_, at / 60) || !has(minutes_, at % 60)) continue;
    const WallTime local = midnight + minutes{at};
    if (local - std::min(before, after) < from) continue;
    if (first && local - std::max(before, after) > *first) return first;
    const bool comes_after = before == after || offset(local - after) == after;
    if (comes_after) offer(local - after);
    // Also for a time that is skipped, which neither offset leads back to.
    if (!comes_after || offset(local - before) == before) offer(local - before);
  }
  return first;
}

std::optional<WallTime> Cron::next(WallTime from, WallTime until, const UtcOffset& offset) const {
  until = std::min(until, from + kLongestSearch);
  // Local dates are at most a day away from UTC's.
  const auto first_day = std::chrono::floor<days>(from) - days{1};
  for (auto day = first_day; day < until + days{1}; day += days{1}) {
    const local_days local_day{day.time_since_epoch()};
    if (!fits(local_day)) continue;
    const std::optional<WallTime> found = next_on(local_day, from, offset);
    if (!found) continue;
    if (*found >= until) return std::nullopt;
    return found;
  }
  return std::nullopt;
}

}  // namespace flaskscale
