// How much of what costs us and carries nothing a peer of HTTP/2 may send.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace flaskscale::http {

enum class Http2Flood : uint8_t {
  reset,          // streams cancelled by the peer, or reset by us for a fault of the peer
  ping,           //
  settings,       //
  priority,       // PRIORITY and PRIORITY_UPDATE
  window_update,  //
  empty_data,     // DATA without bytes that ends nothing
  unknown_frame,  // of a type that we don't know
  continuation,   // more CONTINUATION frames, or far more header bytes, than any head needs
};
inline constexpr size_t kHttp2Floods = 8;

// "http2_reset_flood": a literal for log and metrics.
std::string_view reason_of(Http2Flood flood);

// One connection's. Each kind has a store that refills with time and with useful work: a peer that
// takes data may send window updates and pings for it, one that lets requests end may cancel
// others.
class Http2Ration {
 public:
  // Uses one up. False: the store is empty, the peer floods.
  bool take(Http2Flood kind, Time now);
  void earn(Http2Flood kind, float amount);

 private:
  void refill(Time now);

  std::array<float, kHttp2Floods> used_{};
  Time refilled_{};
};

}  // namespace flaskscale::http
