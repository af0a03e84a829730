#include "scaler/providers/gce_transport.h"

#include <cctype>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;
constexpr int kTriesOfAChange = 3;
constexpr double kPauseBetweenTries = 0.3;  // seconds, times 1 to 2
constexpr Duration kTimeout = std::chrono::seconds(20);
constexpr Duration kLongestCall = std::chrono::seconds(30);  // no further try is begun after it

std::string with_slash(std::string endpoint) {
  if (!endpoint.ends_with('/')) endpoint += '/';
  return endpoint;
}

std::string escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out;
}

}  // namespace

GceTransport::GceTransport(std::string endpoint, uint32_t calls_per_minute,
                           std::unique_ptr<HttpClient> http, std::shared_ptr<GceTokenSource> tokens,
                           Random random, GceClock clock)
    : endpoint_(with_slash(std::move(endpoint))),
      http_(std::move(http)),
      tokens_(std::move(tokens)),
      random_(random),
      clock_(std::move(clock)),
      budget_(calls_per_minute) {}

void GceTransport::apply(const std::string& endpoint, uint32_t calls_per_minute,
                         std::shared_ptr<GceTokenSource> tokens) {
  endpoint_ = with_slash(endpoint);
  budget_.limit(calls_per_minute);
  tokens_ = std::move(tokens);
}

Result<Json> GceTransport::call(const GceRequest& request) {
  const Time began = clock_.now();
  const Duration put_off = budget_.wait(request.use, began);
  if (put_off > Duration::zero()) {
    Error error = make_error(ErrorCode::unavailable,
                             request.what + ": put off for " +
                                 format_duration(std::chrono::ceil<std::chrono::seconds>(put_off)) +
                                 ", as the API asked for a pause or calls_per_minute is used up");
    error.retry = Retry::always;
    return error;
  }
  const int most_tries = request.use == GceCallBudget::Use::change ? kTriesOfAChange : 1;
  GceFailure failure;
  for (int tries = 1;; ++tries) {
    failure = {};
    Result<Json> answer = try_once(request, failure);
    if (answer) return answer;
    // Only a lost reply is worth another try at once; what the server has refused waits.
    const bool is_lost = failure.may_have_acted && failure.error.retry == Retry::always &&
                         failure.retry_after == Duration::zero();
    if (!is_lost || tries == most_tries || clock_.now() - began >= kLongestCall) break;
    clock_.sleep(from_seconds(kPauseBetweenTries * (1 + random_.unit()) * tries));
  }
  return fail(failure);
}

Error GceTransport::fail(const GceFailure& failure) {
  const Time now = clock_.now();
  switch (failure.pause) {
    case GcePause::none:
      budget_.on_success();  // the API is well, only this call is not
      break;
    case GcePause::back_off:
      budget_.back_off(failure.retry_after, now, random_);
      break;
    case GcePause::next_minute:
      budget_.pause_to_next_minute(now, clock_.wall(), random_);
      break;
  }
  return failure.error;
}

// On an error `failure` is filled in too.
Result<Json> GceTransport::try_once(const GceRequest& request, GceFailure& failure) {
  for (int tokens = 0;; ++tokens) {
    const Result<std::string> token = tokens_->token(*http_, clock_);
    if (!token) {
      // The token source has a back-off of its own.
      failure.error = token.error();
      failure.error.detail = request.what + ": no access token: " + failure.error.detail;
      return failure.error;
    }
    const Result<HttpResponse> response = send(request, *token);
    if (!response) {
      failure = failure_of(response.error(), request.what);
      return failure.error;
    }
    if (response->status >= 200 && response->status < 300) {
      Json json = Json::parse(response->body, nullptr, false);
      if (json.is_object()) {
        budget_.on_success();
        return json;
      }
      failure = failure_of(make_error(ErrorCode::bad_message, "the response is no JSON object"),
                           request.what);
      return failure.error;
    }
    failure = failure_of(*response, request.what);
    if (!failure.token_refused) return failure.error;
    tokens_->reject(*token);
    if (tokens == 1) {
      failure.error.detail += ": " + tokens_->description();
      return failure.error;
    }
  }
}

Result<HttpResponse> GceTransport::send(const GceRequest& request, const std::string& token) {
  HttpRequest http;
  http.method = request.method;
  http.url = endpoint_ + request.path;
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    http.url += separator + name + "=" + escaped(value);
    separator = '&';
  }
  http.headers = {{"Authorization", "Bearer " + token}, {"Accept", "application/json"}};
  if (!request.body.empty()) http.headers.emplace_back("Content-Type", "application/json");
  http.body = request.body;
  http.timeout = kTimeout;
  budget_.on_call(clock_.now());
  ++calls_;
  return http_->send(http);
}

}  // namespace flaskscale::scaler
