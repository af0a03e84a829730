// Which streams that are not looked at yet a client breaks by its window updates (CVE-2025-8671):
// a request that we are made to reset is better not begun.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace flaskscale::http {

// One connection's. What it is told is in the order of arrival, and not looked at by nghttp2 yet,
// which judges the streams that it knows. A payload that has not come whole breaks nothing.
class Http2WindowsAhead {
 public:
  // SETTINGS that are no acknowledgement. A new initial window counts for all (RFC 9113 section
  // 6.9.2).
  void on_settings(std::string_view payload, uint32_t length);
  // WINDOW_UPDATE of a stream. True: the window is too large with it (RFC 9113 section 6.9.1).
  bool on_window_update(uint32_t stream, std::string_view payload, uint32_t length);
  // All has been looked at.
  void clear() { streams_.clear(); }
  // … and no frame is under way: this is the initial window now.
  void set_initial(uint32_t window) { initial_window_ = window; }

 private:
  struct Stream {
    uint32_t id = 0;
    uint64_t increments = 0;
  };

  uint32_t initial_window_ = 65535;
  std::vector<Stream> streams_;  // by id; the ration of window updates bounds them
};

}  // namespace flaskscale::http
