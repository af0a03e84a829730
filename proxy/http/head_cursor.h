// Appends the parts of a head to a string with one growth and plain copies.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"

namespace flaskscale::http {

// The string holds undefined bytes behind what was written until finish().
class HeadCursor {
 public:
  // `bound`: at least as many bytes as will be appended.
  HeadCursor(std::string& out, size_t bound) : out_(out) {
    const size_t begin = out.size();
    out.resize(begin + bound);
    at_ = out.data() + begin;
    end_ = out.data() + out.size();
  }
  HeadCursor(const HeadCursor&) = delete;
  HeadCursor& operator=(const HeadCursor&) = delete;

  void text(std::string_view text) {
    FS_CHECK(text.size() <= static_cast<size_t>(end_ - at_));
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

  // A literal: its length is known to the compiler.
  template <size_t N>
  void literal(const char (&text)[N]) {
    FS_CHECK(N - 1 <= static_cast<size_t>(end_ - at_));
    std::memcpy(at_, text, N - 1);
    at_ += N - 1;
  }

  void number(uint64_t value) {
    const auto [end, error] = std::to_chars(at_, end_, value);
    FS_CHECK(error == std::errc());
    at_ = end;
  }

  void field(std::string_view name, std::string_view value) {
    FS_CHECK(name.size() + value.size() + 4 <= static_cast<size_t>(end_ - at_));
    std::memcpy(at_, name.data(), name.size());
    at_ += name.size();
    *at_++ = ':';
    *at_++ = ' ';
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
    *at_++ = '\r';
    *at_++ = '\n';
  }

  void finish() { out_.resize(static_cast<size_t>(at_ - out_.data())); }

 private:
  std::string& out_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace flaskscale::http
