#include "proxy/forward/http2_probe.h"

#include <vector>

namespace flaskscale::forward {

Http2Probe::Http2Probe(std::string_view authority, std::string_view path)
    : asks_(!path.empty()), session_({}, *this) {
  if (!asks_) return;
  const std::vector<http::Field> fields = {{":method", "GET"},
                                           {":scheme", "http"},
                                           {":authority", authority},
                                           {":path", path},
                                           {"user-agent", "flaskscale-health"}};
  if (session_.open(fields, true, *this) == 0) verdict_ = false;
}

std::string Http2Probe::take_output() {
  constexpr size_t kMost = 64U << 10U;
  std::string out;
  session_.produce(out, kMost);
  return out;
}

bool Http2Probe::receive(std::string_view bytes) {
  session_.receive(bytes);
  return !session_.is_dead();
}

void Http2Probe::on_settings() {
  if (!asks_) verdict_ = true;
}

void Http2Probe::on_response(const http::ResponseHead& head, std::string_view /*bytes*/,
                             bool /*last*/, std::string_view /*trailers*/) {
  if (!verdict_) verdict_ = head.status < 400;
}

void Http2Probe::on_closed(Closed /*how*/, http::Http2Error /*error*/) {
  if (!verdict_) verdict_ = false;
}

}  // namespace flaskscale::forward
