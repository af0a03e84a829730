// The metadata server: what a machine on Google Compute Engine may know about itself.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "scaler/providers/gce_clock.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

class GceMetadata {
 public:
  explicit GceMetadata(std::string host) : host_(std::move(host)) {}

  enum class Patience : uint8_t {
    once,      // one try
    a_little,  // some tries within about three seconds: the server refuses now and then
  };
  // The text at computeMetadata/v1/<path>. Errors: `misconfigured` when this is no such machine or
  // the value does not exist, else Retry::always.
  Result<std::string> read(std::string_view path, Patience patience, HttpClient& http,
                           const GceClock& clock, Random& random) const;

 private:
  Result<std::string> read_once(const std::string& url, HttpClient& http) const;

  const std::string host_;  // host[:port]
};

}  // namespace flaskscale::scaler
