// Access tokens for the API of Google Compute Engine, kept until shortly before they expire.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "scaler/providers/gce_clock.h"
#include "scaler/providers/gce_metadata.h"
#include "scaler/providers/gce_settings.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

// Any thread; shared by the pools that have the same credentials. One refresh at a time: meanwhile,
// and after a failed one, the token goes on being handed out for as long as it is good.
class GceTokenSource {
 public:
  GceTokenSource(GceCredentials credentials, Random random);

  // May block for a request through `http`. Errors: `misconfigured` (a key, a clock, a machine
  // without a service account), else Retry::always; a failure is repeated without a request until
  // its back-off is over.
  Result<std::string> token(HttpClient& http, const GceClock& clock);
  // The API did not accept it: it is not handed out again.
  void reject(const std::string& token);
  // The project that the credentials belong to: the key's or the machine's.
  Result<std::string> project(HttpClient& http, const GceClock& clock);

  // For people: "service account key /etc/key.json".
  std::string description() const;

 private:
  struct Grant {
    std::string token;
    Duration life{};
  };
  using Patience = GceMetadata::Patience;
  Result<Grant> fetch(Patience patience, HttpClient& http, const GceClock& clock, Random& random);
  Result<Grant> fetch_from_metadata(Patience patience, HttpClient& http, const GceClock& clock,
                                    Random& random);
  Result<Grant> fetch_with_key(HttpClient& http, const GceClock& clock);
  void keep(const Result<Grant>& grant, Time asked_at, Time now);

  const GceCredentials credentials_;
  const GceMetadata metadata_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable refreshed_;
  Random random_;
  bool refreshing_ = false;
  std::string token_;  // empty: none
  Time expires_at_{};
  Time refresh_at_{};
  Time next_try_at_{};  // after a failure
  uint32_t failures_ = 0;
  Error last_error_;
};

}  // namespace flaskscale::scaler
