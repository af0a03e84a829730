#include "scaler/providers/gce_failure.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

#include "scaler/providers/json_reading.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;
constexpr size_t kMostQuoted = 400;
constexpr int kMostRetryAfterSeconds = 600;

struct Refusal {
  std::vector<std::string> reasons;  // of errors[] and details[]
  std::string message;

  template <typename... Words>
  bool has(const Words&... words) const {
    return std::any_of(reasons.begin(), reasons.end(),
                       [&](const std::string& reason) { return ((reason == words) || ...); });
  }
};

void collect_reasons(const Json& error, const char* key, Refusal& refusal) {
  const auto list = error.find(key);
  if (list == error.end() || !list->is_array()) return;
  for (const Json& entry : *list) {
    if (!entry.is_object()) continue;
    std::string reason = text_of(entry, "reason");
    if (!reason.empty()) refusal.reasons.push_back(std::move(reason));
    if (refusal.message.empty()) refusal.message = text_of(entry, "message");
  }
}

// A body that is no JSON (a proxy's page) leaves it empty: then the status decides.
Refusal parse_refusal(const std::string& body) {
  Refusal refusal;
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return refusal;
  const auto error = json.find("error");
  if (error == json.end() || !error->is_object()) return refusal;
  refusal.message = text_of(*error, "message");
  collect_reasons(*error, "errors", refusal);
  collect_reasons(*error, "details", refusal);
  return refusal;
}

Duration retry_after_of(const HttpResponse& response) {
  const std::string_view text = response.header("retry-after");
  int seconds = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (parsed.ec != std::errc{} || seconds <= 0) return {};
  return std::chrono::seconds(std::min(seconds, kMostRetryAfterSeconds));
}

struct Verdict {
  ErrorCode code = ErrorCode::unavailable;
  Retry retry = Retry::always;
  GcePause pause = GcePause::back_off;
  const char* advice = "";
};

Verdict judge_forbidden(const Refusal& refusal) {
  if (refusal.has("quotaExceeded", "limitExceeded")) {
    return {ErrorCode::quota_exceeded, Retry::never, GcePause::none,
            "ask for more quota in the console (IAM & Admin, Quotas)"};
  }
  if (refusal.has("accessNotConfigured", "SERVICE_DISABLED")) {
    return {ErrorCode::permission_denied, Retry::never, GcePause::none,
            "enable the API: gcloud services enable compute.googleapis.com"};
  }
  if (refusal.has("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")) {
    return {ErrorCode::permission_denied, Retry::never, GcePause::none,
            "this machine's access scopes are too narrow: give it the scope cloud-platform"};
  }
  return {ErrorCode::permission_denied, Retry::never, GcePause::none,
          "give the service account the role that has this permission"};
}

Verdict judge(int status, const Refusal& refusal) {
  if (refusal.has("rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED",
                  "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED")) {
    const bool by_minute = status == 403;
    return {ErrorCode::unavailable, Retry::always,
            by_minute ? GcePause::next_minute : GcePause::back_off};
  }
  if (refusal.has("resourceNotReady")) return {};
  switch (status) {
    case 401:
      return {ErrorCode::misconfigured, Retry::never, GcePause::back_off,
              "the credentials are not accepted"};
    case 403:
      return judge_forbidden(refusal);
    case 404:
      return {ErrorCode::not_found, Retry::never, GcePause::none};
    case 409:
      if (refusal.has("alreadyExists", "memberAlreadyExists", "MEMBER_ALREADY_EXISTS")) {
        return {ErrorCode::already_exists, Retry::never, GcePause::none};
      }
      return {ErrorCode::unavailable, Retry::always, GcePause::none};
    case 412:
      return {ErrorCode::misconfigured, Retry::never, GcePause::none,
              "a condition is not met: see the group's update policy and organisation policies"};
    case 408:
    case 429:
      return {};
    default:
      break;
  }
  if (status >= 500) return {};
  if (status < 400) return {ErrorCode::bad_message, Retry::always, GcePause::back_off};
  return {ErrorCode::misconfigured, Retry::never, GcePause::none, "the request is not accepted"};
}

}  // namespace

GceFailure failure_of(const HttpResponse& response, std::string_view what) {
  const Refusal refusal = parse_refusal(response.body);
  const Verdict verdict = judge(response.status, refusal);
  GceFailure failure;
  failure.pause = verdict.pause;
  failure.retry_after = retry_after_of(response);
  failure.token_refused = response.status == 401;
  failure.may_have_acted = response.status >= 500;
  std::string detail = std::string(what) + ": status " + std::to_string(response.status);
  if (!refusal.reasons.empty()) detail += " " + refusal.reasons.front();
  if (!refusal.message.empty()) detail += ": " + refusal.message.substr(0, kMostQuoted);
  if (*verdict.advice != '\0') detail += " (" + std::string(verdict.advice) + ")";
  failure.error = make_error(verdict.code, std::move(detail));
  failure.error.retry = verdict.retry;
  return failure;
}

GceFailure failure_of(const Error& error, std::string_view what) {
  GceFailure failure;
  failure.error = make_error(error.code, std::string(what) + ": " + error.detail);
  failure.error.retry = error.code == ErrorCode::cancelled ? Retry::never : Retry::always;
  failure.pause = GcePause::back_off;
  failure.may_have_acted = true;
  return failure;
}

std::string missing_permission(std::string_view message) {
  constexpr std::string_view kBefore = "Required '";
  const size_t at = message.find(kBefore);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = message.substr(at + kBefore.size());
  return std::string(rest.substr(0, rest.find('\'')));
}

Error transient(ErrorCode code, std::string detail) {
  Error error = make_error(code, std::move(detail));
  error.retry = Retry::always;
  return error;
}

}  // namespace flaskscale::scaler
