#include "tests/support/gce/in_process_client.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "tests/support/gce/api_url.h"

namespace flaskscale::emulator {
namespace {

constexpr Duration kStep = std::chrono::milliseconds(250);

Port port_of(const std::string& host) {
  if (host.starts_with("metadata")) return Port::metadata;
  if (host.starts_with("oauth2") || host.starts_with("token")) return Port::token;
  return host.starts_with("control") ? Port::control : Port::api;
}

Error lost(ErrorCode code, const char* detail) {
  Error error = make_error(code, detail);
  error.retry = Retry::always;
  return error;
}

}  // namespace

InProcessClient::InProcessClient(Emulator& emulator)
    : InProcessClient(
          emulator, [&emulator](Duration time) { emulator.advance(to_seconds(time)); },
          std::chrono::milliseconds(50)) {}

InProcessClient::InProcessClient(Emulator& emulator, Pass pass, Duration latency)
    : emulator_(emulator), pass_(std::move(pass)), latency_(latency) {}

Result<scaler::HttpResponse> InProcessClient::send(const scaler::HttpRequest& request) {
  const ApiUrl url = parse_api_url(request.url);
  WebRequest web;
  web.verb = request.method;
  const size_t host = request.url.find("://");
  const size_t path = request.url.find('/', host == std::string::npos ? 0 : host + 3);
  web.target = path == std::string::npos ? "/" : request.url.substr(path);
  for (const auto& [name, value] : request.headers)
    web.headers.emplace_back(lower_case(name), value);
  web.body = request.body;
  web.peer = "127.0.0.1";

  Exchange exchange = emulator_.begin(port_of(url.host), web);
  pass_(latency_);
  if (exchange.cut == Cut::refuse) return lost(ErrorCode::connect_failed, "connection refused");
  Duration waited = latency_;
  while (!emulator_.is_ready(exchange)) {
    const Duration left = request.timeout - waited;
    if (left <= Duration::zero()) return lost(ErrorCode::timed_out, "no response in time");
    const Duration step = std::min(left, kStep);
    pass_(step);
    waited += step;
  }
  if (exchange.cut == Cut::reset) return lost(ErrorCode::closed_by_peer, "connection reset");
  if (exchange.cut == Cut::truncate) return lost(ErrorCode::bad_message, "the response broke off");
  WebReply reply = emulator_.finish(exchange);
  if (reply.body.size() > request.most_bytes) {
    return make_error(ErrorCode::too_large, "the response is too large");
  }
  scaler::HttpResponse response;
  response.status = reply.status;
  for (auto& [name, value] : reply.headers) {
    response.headers.emplace_back(lower_case(name), std::move(value));
  }
  response.body = std::move(reply.body);
  return response;
}

}  // namespace flaskscale::emulator
