#include "proxy/admin/access_log_format.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>

namespace flaskscale::admin {
namespace {

using balancer::ExchangeRecord;

// How many bytes of a value are shown.
constexpr size_t kMaxPath = 4096;
constexpr size_t kMaxText = 1024;  // user agent, referer
constexpr size_t kMaxName = 256;   // everything else
constexpr size_t kMaxEscape = 6;   // \u0000
// Keys, punctuation, numbers and the date; and the mark of each cut value.
constexpr size_t kFrame = 768;
constexpr std::string_view kCutMark = "...";

constexpr std::array<bool, 256> make_plain_table() {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}
constexpr auto kPlainBytes = make_plain_table();
constexpr std::string_view kHex = "0123456789abcdef";

bool is_plain(char c) { return kPlainBytes[static_cast<unsigned char>(c)]; }

bool is_continuation(unsigned char c) { return (c & 0xc0U) == 0x80U; }

// Whether all of eight bytes are plain: exact bit arithmetic, no table.
bool are_plain(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101U;
  constexpr uint64_t kHighs = kOnes * 0x80U;
  const auto has_zero = [](uint64_t word) { return (word - kOnes) & ~word & kHighs; };
  const uint64_t special = ((bytes - kOnes * 0x20U) | bytes) & kHighs;
  return (special | has_zero(bytes ^ (kOnes * '"')) | has_zero(bytes ^ (kOnes * '\\')) |
          has_zero(bytes ^ (kOnes * 0x7fU))) == 0;
}

// The length of the UTF-8 sequence that `text` begins with; 0: it is not valid, or a C1 control
// character, which some terminals obey.
size_t utf8_length(std::string_view text) {
  const auto at = [text](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const unsigned char lead = at(0);
  const unsigned char second = at(1);
  if (!is_continuation(second)) return 0;
  if (lead >= 0xc2 && lead <= 0xdf) return lead == 0xc2 && second < 0xa0 ? 0 : 2;
  if (!is_continuation(at(2))) return 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second >= 0xa0)) return 0;
    return 3;
  }
  if (!is_continuation(at(3))) return 0;
  if (lead < 0xf0 || lead > 0xf4) return 0;
  if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second >= 0x90)) return 0;
  return 4;
}

// Appends to a place that is known to have room.
class LineWriter {
 public:
  LineWriter(char* out, DateCache& date) : out_(out), date_(date) {}

  char* end() const { return out_; }
  DateCache& date() { return date_; }

  LineWriter& raw(std::string_view text) {
    std::memcpy(out_, text.data(), text.size());
    out_ += text.size();
    return *this;
  }
  LineWriter& number(uint64_t value) {
    out_ = std::to_chars(out_, out_ + 20, value).ptr;
    return *this;
  }
  LineWriter& three_digits(unsigned value) {
    *out_++ = static_cast<char>('0' + value / 100 % 10);
    *out_++ = static_cast<char>('0' + value / 10 % 10);
    *out_++ = static_cast<char>('0' + value % 10);
    return *this;
  }
  // Milliseconds with three decimals; `absent` if it was not measured.
  LineWriter& duration(Duration value, std::string_view absent) {
    if (value < Duration::zero()) return raw(absent);
    const auto us =
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(value).count());
    number(us / 1000);
    *out_++ = '.';
    return three_digits(static_cast<unsigned>(us % 1000));
  }
  // The inside of a JSON string; what is not UTF-8 becomes U+FFFD.
  LineWriter& json(std::string_view text, size_t max = kMaxName) {
    return escaped<&LineWriter::json_special>(text, max);
  }
  // Printable ASCII, the rest as \xHH.
  LineWriter& text(std::string_view text, size_t max = kMaxName) {
    return escaped<&LineWriter::text_special>(text, max);
  }
  // As text(), for a value that stands without quotes: no spaces, "-" if empty.
  LineWriter& word(std::string_view value) {
    if (value.empty()) return raw("-");
    char* const start = out_;
    text(value);
    std::replace(start, out_, ' ', '_');
    return *this;
  }

 private:
  // `special` writes the first character of its argument and says how many bytes that was.
  template <size_t (LineWriter::*special)(std::string_view)>
  LineWriter& escaped(std::string_view text, size_t max) {
    const std::string_view shown = text.substr(0, max);
    for (size_t i = 0; i < shown.size();) {
      if (copy_eight_plain(shown.substr(i))) {
        i += sizeof(uint64_t);
      } else if (is_plain(shown[i])) {
        *out_++ = shown[i++];
      } else {
        i += (this->*special)(shown.substr(i));
      }
    }
    return shown.size() < text.size() ? raw(kCutMark) : *this;
  }

  // Copies the first eight bytes and answers true, if there are eight and all are plain.
  bool copy_eight_plain(std::string_view text) {
    uint64_t eight = 0;
    if (text.size() < sizeof eight) return false;
    std::memcpy(&eight, text.data(), sizeof eight);
    if (!are_plain(eight)) return false;
    std::memcpy(out_, &eight, sizeof eight);
    out_ += sizeof eight;
    return true;
  }

  size_t json_special(std::string_view text) {
    const auto c = static_cast<unsigned char>(text[0]);
    if (c == '"' || c == '\\') {
      *out_++ = '\\';
      *out_++ = text[0];
    } else if (c < 0x80) {
      raw("\\u00");
      *out_++ = kHex[c >> 4U];
      *out_++ = kHex[c & 15U];
    } else if (const size_t length = utf8_length(text); length > 0) {
      raw(text.substr(0, length));
      return length;
    } else {
      raw("\\ufffd");
    }
    return 1;
  }

  size_t text_special(std::string_view text) {
    const auto c = static_cast<unsigned char>(text[0]);
    *out_++ = '\\';
    if (c == '"' || c == '\\') {
      *out_++ = text[0];
    } else {
      *out_++ = 'x';
      *out_++ = kHex[c >> 4U];
      *out_++ = kHex[c & 15U];
    }
    return 1;
  }

  char* out_;
  DateCache& date_;
};

// Rounds towards the past, so that the milliseconds left over are 0 to 999 at any date.
int64_t second_of(int64_t milliseconds) {
  return milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000;
}

void write_json(const ExchangeRecord& r, LineWriter& line) {
  const int64_t second = second_of(r.started_ms);
  line.raw("{\"time\":\"").raw(line.date().iso(second)).raw(".");
  line.three_digits(static_cast<unsigned>(r.started_ms - second * 1000));
  line.raw("Z\",\"client\":\"").json(r.client);
  line.raw("\",\"method\":\"").json(r.method);
  line.raw("\",\"host\":\"").json(r.host);
  line.raw("\",\"path\":\"").json(r.path, kMaxPath);
  line.raw("\",\"protocol\":\"").json(r.protocol);
  line.raw("\",\"status\":").number(r.status);
  line.raw(",\"reason\":\"").json(r.reason);
  line.raw("\",\"pool\":\"").json(r.pool);
  line.raw("\",\"backend\":\"").json(r.backend);
  line.raw("\",\"instance\":\"").json(r.instance);
  line.raw("\",\"bytes_in\":").number(r.bytes_in);
  line.raw(",\"bytes_out\":").number(r.bytes_out);
  line.raw(",\"retries\":").number(r.retries);
  line.raw(",\"queue_ms\":").duration(r.queue, "null");
  line.raw(",\"connect_ms\":").duration(r.connect, "null");
  line.raw(",\"first_byte_ms\":").duration(r.first_byte, "null");
  line.raw(",\"total_ms\":").duration(r.total, "null");
  line.raw(",\"request_id\":\"").json(r.request_id);
  line.raw("\",\"user_agent\":\"").json(r.user_agent, kMaxText);
  line.raw("\",\"referer\":\"").json(r.referer, kMaxText);
  line.raw("\"}\n");
}

// The combined log format, then what it has no place for.
void write_text(const ExchangeRecord& r, LineWriter& line) {
  line.word(r.client).raw(" - - [").raw(line.date().common_log(second_of(r.started_ms)));
  line.raw("] \"").text(r.method).raw(" ").text(r.path, kMaxPath).raw(" ").text(r.protocol);
  line.raw("\" ");
  if (r.status == 0) {
    line.raw("-");
  } else {
    line.number(r.status);
  }
  line.raw(" ").number(r.bytes_out);
  line.raw(" \"").text(r.referer.empty() ? "-" : r.referer, kMaxText);
  line.raw("\" \"").text(r.user_agent.empty() ? "-" : r.user_agent, kMaxText);
  line.raw("\" reason=").word(r.reason);
  line.raw(" queue_ms=").duration(r.queue, "-");
  line.raw(" connect_ms=").duration(r.connect, "-");
  line.raw(" first_byte_ms=").duration(r.first_byte, "-");
  line.raw(" total_ms=").duration(r.total, "-");
  line.raw(" pool=").word(r.pool);
  line.raw(" backend=").word(r.backend);
  line.raw(" instance=").word(r.instance);
  line.raw(" retries=").number(r.retries);
  line.raw(" bytes_in=").number(r.bytes_in);
  line.raw(" host=\"").text(r.host);
  line.raw("\" request_id=\"").text(r.request_id);
  line.raw("\"\n");
}

}  // namespace

std::string_view DateCache::iso(int64_t second) {
  if (second != second_) fill(second);
  return {iso_.data(), iso_.size()};
}

std::string_view DateCache::common_log(int64_t second) {
  if (second != second_) fill(second);
  return {common_log_.data(), common_log_.size()};
}

void DateCache::fill(int64_t second) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  // Years 1970 to 9999: four digits.
  constexpr int64_t kLastSecond = 253'402'300'799;
  const std::chrono::sys_seconds when{
      std::chrono::seconds(std::clamp<int64_t>(second, 0, kLastSecond))};
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(when - day);
  const auto put = [](char* at, unsigned value) {
    at[0] = static_cast<char>('0' + value / 10 % 10);
    at[1] = static_cast<char>('0' + value % 10);
  };
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  const auto month = static_cast<unsigned>(date.month());
  const auto hour = static_cast<unsigned>(clock.hours().count());
  const auto minute = static_cast<unsigned>(clock.minutes().count());
  const auto in_minute = static_cast<unsigned>(clock.seconds().count());

  std::memcpy(iso_.data(), "0000-00-00T00:00:00", iso_.size());
  put(&iso_[0], year / 100);
  put(&iso_[2], year);
  put(&iso_[5], month);
  put(&iso_[8], static_cast<unsigned>(date.day()));
  put(&iso_[11], hour);
  put(&iso_[14], minute);
  put(&iso_[17], in_minute);

  std::memcpy(common_log_.data(), "00/Jan/0000:00:00:00 +0000", common_log_.size());
  put(&common_log_[0], static_cast<unsigned>(date.day()));
  std::memcpy(&common_log_[3], &kMonths[(month - 1) * 3], 3);
  put(&common_log_[7], year / 100);
  put(&common_log_[9], year);
  put(&common_log_[12], hour);
  put(&common_log_[15], minute);
  put(&common_log_[18], in_minute);
  second_ = second;
}

size_t line_bound(const ExchangeRecord& r) {
  size_t values = std::min(r.path.size(), kMaxPath);
  for (const std::string_view text : {r.user_agent, r.referer}) {
    values += std::min(text.size(), kMaxText);
  }
  for (const std::string_view name : {r.client, r.method, r.host, r.protocol, r.reason, r.pool,
                                      r.backend, r.instance, r.request_id}) {
    values += std::min(name.size(), kMaxName);
  }
  static_assert(kFrame + kMaxEscape * (kMaxPath + 2 * kMaxText + 9 * kMaxName) <= kMaxLineBytes);
  return kFrame + kMaxEscape * values;
}

char* write_line(AccessLogFormat format, const ExchangeRecord& record, DateCache& date, char* out) {
  LineWriter line(out, date);
  switch (format) {
    case AccessLogFormat::json:
      write_json(record, line);
      break;
    case AccessLogFormat::text:
      write_text(record, line);
      break;
  }
  return line.end();
}

}  // namespace flaskscale::admin
