#include "proxy/http/http2_windows_ahead.h"

#include <algorithm>

namespace flaskscale::http {
namespace {

constexpr size_t kSetting = 6;
constexpr size_t kIncrement = 4;
constexpr uint32_t kInitialWindowSize = 4;
constexpr uint32_t kLargestWindow = 0x7FFFFFFF;

uint32_t number_of(std::string_view bytes) {
  uint32_t number = 0;
  for (const char byte : bytes) number = number << 8U | static_cast<unsigned char>(byte);
  return number;
}

}  // namespace

void Http2WindowsAhead::on_settings(std::string_view payload, uint32_t length) {
  const bool whole = payload.size() == length;
  for (; payload.size() >= kSetting; payload.remove_prefix(kSetting)) {
    if (number_of(payload.substr(0, 2)) != kInitialWindowSize) continue;
    initial_window_ = number_of(payload.substr(2, 4));
  }
  if (!whole) initial_window_ = 0;  // whatever it will be: none is smaller
}

bool Http2WindowsAhead::on_window_update(uint32_t stream, std::string_view payload,
                                         uint32_t length) {
  if (length != kIncrement || payload.size() < kIncrement) return false;
  const bool is_newest = streams_.empty() || streams_.back().id < stream;
  auto found =
      is_newest ? streams_.end() : std::ranges::lower_bound(streams_, stream, {}, &Stream::id);
  if (is_newest || found->id != stream) found = streams_.insert(found, {.id = stream});
  found->increments += number_of(payload) & kLargestWindow;
  return initial_window_ + found->increments > kLargestWindow;
}

}  // namespace flaskscale::http
