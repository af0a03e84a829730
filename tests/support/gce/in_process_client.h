// Talks to the emulator of this process as if over the network, in simulated time.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "scaler/providers/http_client.h"
#include "tests/support/gce/emulator.h"

namespace flaskscale::emulator {

// The URL's host chooses the port: "metadata…" metadata, "oauth2…" or "token…" token, "control…"
// control, all others the API.
class InProcessClient final : public scaler::HttpClient {
 public:
  // Lets simulated time pass while the caller waits.
  using Pass = std::function<void(Duration)>;

  // Time passes by advancing the emulator.
  explicit InProcessClient(Emulator& emulator);
  InProcessClient(Emulator& emulator, Pass pass, Duration latency);

  Result<scaler::HttpResponse> send(const scaler::HttpRequest& request) override;

 private:
  Emulator& emulator_;
  const Pass pass_;
  const Duration latency_;  // of each exchange
};

}  // namespace flaskscale::emulator
