// What one finished exchange was: filled once, read by counters and access log, never kept.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace flaskscale::balancer {

// The reason word of an exchange that ended as it should.
inline constexpr std::string_view kReasonOk = "ok";
// No route matched; ended before a pool was known.
inline constexpr std::string_view kReasonNoRoute = "no_route";

// A duration that was never measured: the exchange did not come that far.
inline constexpr Duration kNotMeasured = Duration(-1);

// Every view needs to stand only during the call it is passed to, except `reason`, which points
// into static storage (a string literal): counters keep it. Empty views are allowed everywhere but
// there. What clients sent (client, method, host, path, request_id, user_agent, referer) may hold
// any byte.
struct ExchangeRecord {
  int64_t started_ms = 0;     // wall clock, milliseconds since 1970-01-01 UTC
  std::string_view client;    // address of the client: "192.0.2.7" or "2001:db8::7"
  std::string_view method;    // as received
  std::string_view host;      // host of the request, "host[:port]"
  std::string_view path;      // with the query
  std::string_view protocol;  // "HTTP/1.1"
  std::string_view pool;      // empty: ended before a pool was known
  std::string_view backend;   // "host:port" of the last backend tried; empty: none was
  std::string_view instance;  // the scaler's name of what hosts that backend; empty: static backend
  std::string_view request_id;
  std::string_view user_agent;
  std::string_view referer;
  // Who or what ended the exchange, a stable snake_case word: "ok", "client_left", "queue_full",
  // "waited_too_long", "no_capacity", "no_route", "connect_failed", "response_timeout", …
  std::string_view reason = kReasonOk;
  uint16_t status = 0;            // sent to the client, 100 to 599; 0: no response head was sent
  bool intended = false;          // answered without a pool because the configuration says so
  bool tunnel = false;            // became one: `total` is its life, not a request's
  bool aborted = false;           // the response had begun and was cut short
  uint16_t retries = 0;           // tries after the first
  uint64_t bytes_in = 0;          // received from the client, head and body
  uint64_t bytes_out = 0;         // sent to the client, head and body
  Duration queue = kNotMeasured;  // asked for a slot to slot or refusal; 0: got one at once
  Duration connect =
      kNotMeasured;  // connect to the backend; negative: an idle connection was reused
  Duration first_byte = kNotMeasured;  // request sent to the first byte of the response
  Duration total = kNotMeasured;       // first byte of the request to the last of the response
};

// Is told of every exchange that ended. Called on the worker's thread; must neither block nor
// throw.
class ExchangeSink {
 public:
  virtual void on_exchange(const ExchangeRecord& record) = 0;

 protected:
  ~ExchangeSink() = default;
};

}  // namespace flaskscale::balancer
