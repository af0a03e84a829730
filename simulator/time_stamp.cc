#include "simulator/time_stamp.h"

#include <charconv>
#include <chrono>
#include <cmath>

namespace flaskscale::simulator {
namespace {

// Reads a text from its beginning.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Exactly so many digits, as a number within the bounds.
  std::optional<int> digits(size_t count, int least, int most) {
    if (text_.size() < count) return std::nullopt;
    int value = 0;
    for (size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return std::nullopt;
      value = value * 10 + (text_[i] - '0');
    }
    if (value < least || value > most) return std::nullopt;
    text_.remove_prefix(count);
    return value;
  }
  // The digits behind a point, as a share of one.
  std::optional<double> fraction() {
    double value = 0;
    double place = 0.1;
    size_t count = 0;
    for (; count < text_.size() && text_[count] >= '0' && text_[count] <= '9'; ++count) {
      value += place * (text_[count] - '0');
      place /= 10;
    }
    if (count == 0) return std::nullopt;
    text_.remove_prefix(count);
    return value;
  }

 private:
  std::string_view text_;
};

std::optional<double> read_date(Scanner& scan) {
  const auto year = scan.digits(4, 1900, 9999);
  if (!year || !scan.take('-')) return std::nullopt;
  const auto month = scan.digits(2, 1, 12);
  if (!month || !scan.take('-')) return std::nullopt;
  const auto day = scan.digits(2, 1, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count()) * 86400;
}

std::optional<double> read_clock(Scanner& scan) {
  const auto hour = scan.digits(2, 0, 23);
  if (!hour || !scan.take(':')) return std::nullopt;
  const auto minute = scan.digits(2, 0, 59);
  if (!minute) return std::nullopt;
  double seconds = *hour * 3600 + *minute * 60;
  if (scan.take(':')) {
    const auto second = scan.digits(2, 0, 60);
    if (!second) return std::nullopt;
    seconds += *second;
    if (scan.take('.') || scan.take(',')) {
      const auto fraction = scan.fraction();
      if (!fraction) return std::nullopt;
      seconds += *fraction;
    }
  }
  return seconds;
}

// Seconds east of UTC.
std::optional<double> read_offset(Scanner& scan) {
  if (scan.at_end() || scan.take('Z') || scan.take('z')) return 0;
  const bool east = scan.take('+');
  if (!east && !scan.take('-')) return std::nullopt;
  const auto hour = scan.digits(2, 0, 15);
  if (!hour) return std::nullopt;
  int minutes = 0;
  if (!scan.at_end()) {
    (void)scan.take(':');
    const auto minute = scan.digits(2, 0, 59);
    if (!minute) return std::nullopt;
    minutes = *minute;
  }
  const double seconds = *hour * 3600 + minutes * 60;
  return east ? seconds : -seconds;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<double> parse_time_stamp(std::string_view text) {
  Scanner scan(text);
  const auto date = read_date(scan);
  if (!date) return std::nullopt;
  if (scan.at_end()) return date;
  if (!scan.take('T') && !scan.take('t') && !scan.take(' ')) return std::nullopt;
  const auto clock = read_clock(scan);
  if (!clock) return std::nullopt;
  const auto offset = read_offset(scan);
  if (!offset || !scan.at_end()) return std::nullopt;
  return *date + *clock - *offset;
}

}  // namespace flaskscale::simulator
