// Authorised, paced calls to one endpoint of the Compute Engine API, answered in JSON.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "scaler/providers/gce_call_budget.h"
#include "scaler/providers/gce_clock.h"
#include "scaler/providers/gce_failure.h"
#include "scaler/providers/gce_token_source.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

struct GceRequest {
  std::string what;  // for errors: "createInstances in us-central1-a"
  std::string method = "GET";
  std::string path;                                        // "projects/…", made of checked names
  std::vector<std::pair<std::string, std::string>> query;  // values are escaped here
  std::string body;                                        // JSON, with POST and PATCH only
  GceCallBudget::Use use = GceCallBudget::Use::read;
};

// Every error says by `retry` whether the same call may be repeated later. A call that changes
// something and whose reply was lost is sent again, as it bears its request id. Not thread-safe.
class GceTransport {
 public:
  GceTransport(std::string endpoint, uint32_t calls_per_minute, std::unique_ptr<HttpClient> http,
               std::shared_ptr<GceTokenSource> tokens, Random random, GceClock clock);

  Result<nlohmann::json> call(const GceRequest& request);
  Result<std::string> project() { return tokens_->project(*http_, clock_); }

  void apply(const std::string& endpoint, uint32_t calls_per_minute,
             std::shared_ptr<GceTokenSource> tokens);
  const GceClock& clock() const { return clock_; }
  std::string credentials() const { return tokens_->description(); }
  uint64_t calls() const { return calls_; }  // made so far
  // Any thread.
  void cancel() { http_->cancel(); }

 private:
  Result<nlohmann::json> try_once(const GceRequest& request, GceFailure& failure);
  Result<HttpResponse> send(const GceRequest& request, const std::string& token);
  Error fail(const GceFailure& failure);

  std::string endpoint_;  // ends with "/"
  const std::unique_ptr<HttpClient> http_;
  std::shared_ptr<GceTokenSource> tokens_;
  Random random_;
  const GceClock clock_;
  GceCallBudget budget_;
  uint64_t calls_ = 0;
};

}  // namespace flaskscale::scaler
