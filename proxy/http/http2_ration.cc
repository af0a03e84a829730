#include "proxy/http/http2_ration.h"

#include <algorithm>
#include <chrono>

namespace flaskscale::http {
namespace {

struct Store {
  float room;        // how many at once
  float per_second;  // refill
};

constexpr std::array<Store, kHttp2Floods> kStores = {{
    {500, 50},    // reset: a page left with all its parts open, several times over
    {100, 10},    // ping
    {30, 2},      // settings
    {300, 50},    // priority
    {1000, 100},  // window_update
    {100, 10},    // empty_data
    {100, 10},    // unknown_frame
    {1, 1},       // continuation: counted by the session, never allowed
}};

}  // namespace

std::string_view reason_of(Http2Flood flood) {
  static constexpr std::array<std::string_view, kHttp2Floods> kReasons = {
      "http2_reset_flood",         "http2_ping_flood",        "http2_settings_flood",
      "http2_priority_flood",      "http2_window_flood",      "http2_empty_data_flood",
      "http2_unknown_frame_flood", "http2_continuation_flood"};
  return kReasons[static_cast<size_t>(flood)];
}

void Http2Ration::refill(Time now) {
  using namespace std::chrono_literals;
  if (now - refilled_ < 10ms) return;  // often enough; floats lose less
  const float seconds = std::min(std::chrono::duration<float>(now - refilled_).count(), 3600.0F);
  refilled_ = now;
  for (size_t i = 0; i < kHttp2Floods; ++i) {
    used_[i] = std::max(0.0F, used_[i] - kStores[i].per_second * seconds);
  }
}

bool Http2Ration::take(Http2Flood kind, Time now) {
  refill(now);
  const auto index = static_cast<size_t>(kind);
  used_[index] += 1;
  return used_[index] <= kStores[index].room;
}

void Http2Ration::earn(Http2Flood kind, float amount) {
  float& used = used_[static_cast<size_t>(kind)];
  used = std::max(0.0F, used - amount);
}

}  // namespace flaskscale::http
