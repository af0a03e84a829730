// Finds the end of a head and refuses what must not be in one, in one pass over the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flaskscale::http {

// Splits nothing and copies nothing: checks that lines end in CRLF and only so, that no control
// byte but HT occurs, that no line is folded or nameless, and counts lines. A head that arrives in
// pieces is looked at once. Never reads beyond the bytes given.
class HeadScanner {
 public:
  enum class Found : uint8_t {
    more,
    end,
    bare_lf,
    bare_cr,
    control_byte,
    obs_fold,
    empty_name,
    too_many_fields,
    too_many_empty_lines,
  };

  // `bytes`: everything since the first byte of the message, at most 4 GiB. After `end` or an
  // error, reset() comes before the next scan().
  Found scan(std::string_view bytes, uint32_t max_fields, uint32_t max_empty_lines);

  // Where the start line begins: behind empty lines.
  size_t start_line_begin() const { return start_begin_; }
  // Where its CR is; 0 while it is incomplete.
  size_t start_line_end() const { return start_end_; }
  bool has_start_line() const { return start_end_ != 0; }
  // After `end`: the length of the head with its last CRLF.
  size_t head_end() const { return line_begin_; }
  uint32_t field_lines() const { return field_lines_; }

  void reset() { *this = HeadScanner(); }

 private:
  Found on_line(const char* data, uint32_t line_feed, uint32_t max_fields,
                uint32_t max_empty_lines);

  uint32_t searched_ = 0;
  uint32_t line_begin_ = 0;
  uint32_t start_begin_ = 0;
  uint32_t start_end_ = 0;
  uint32_t field_lines_ = 0;
  uint32_t empty_lines_ = 0;
};

}  // namespace flaskscale::http
