#include "scaler/providers/gce_token_source.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "scaler/providers/gce_failure.h"
#include "scaler/providers/gce_service_account.h"
#include "scaler/providers/json_reading.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;

// The metadata server itself asks for a new token some minutes before the end; asked earlier it
// gives the same one again.
constexpr Duration kRefreshBeforeExpiry = std::chrono::seconds(225);
constexpr Duration kLongestLife = std::chrono::hours(12);
constexpr Duration kLongestPause = std::chrono::seconds(30);
constexpr size_t kMostTokenBytes = 1U << 20U;
constexpr size_t kMostTokenErrorQuoted = 200;

// What the token end point says when it refuses.
Error refusal(const HttpResponse& response, const std::string& where) {
  const Json json = Json::parse(response.body, nullptr, false);
  const std::string reason = json.is_object() ? text_of(json, "error") : "";
  const std::string told =
      json.is_object() ? text_of(json, "error_description").substr(0, kMostTokenErrorQuoted) : "";
  const std::string detail =
      where + ": status " + std::to_string(response.status) + " " + reason + " " + told;
  const int status = response.status;
  if (status == 408 || status == 429 || status >= 500 || reason == "internal_failure" ||
      reason == "server_error" || reason == "temporarily_unavailable") {
    return transient(ErrorCode::unavailable, detail);
  }
  if (reason == "invalid_grant") {
    return make_error(ErrorCode::misconfigured,
                      detail +
                          "; either the clock of this machine is wrong or the key has been "
                          "deleted or belongs to another account");
  }
  return make_error(ErrorCode::misconfigured, detail);
}

}  // namespace

GceTokenSource::GceTokenSource(GceCredentials credentials, Random random)
    : credentials_(std::move(credentials)),
      metadata_(credentials_.metadata_host),
      random_(random) {}

std::string GceTokenSource::description() const {
  if (!credentials_.access_token_file.empty()) {
    return "access token file " + credentials_.access_token_file;
  }
  if (!credentials_.key_file.empty()) return "service account key " + credentials_.key_file;
  return "metadata server " + credentials_.metadata_host;
}

Result<std::string> GceTokenSource::token(HttpClient& http, const GceClock& clock) {
  std::unique_lock lock(mutex_);
  while (true) {
    const Time now = clock.now();
    const bool is_good = !token_.empty() && now < expires_at_;
    if (is_good && (now < refresh_at_ || now < next_try_at_ || refreshing_)) return token_;
    if (refreshing_) {
      refreshed_.wait(lock);
      continue;
    }
    if (now < next_try_at_) return last_error_;
    refreshing_ = true;
    Random random(random_.next());
    lock.unlock();
    const Result<Grant> grant =
        fetch(is_good ? Patience::once : Patience::a_little, http, clock, random);
    lock.lock();
    refreshing_ = false;
    keep(grant, now, clock.now());
    refreshed_.notify_all();
    if (grant) return grant->token;
    if (!is_good) return grant.error();
  }
}

void GceTokenSource::keep(const Result<Grant>& grant, Time asked_at, Time now) {
  if (!grant) {
    last_error_ = grant.error();
    const double seconds = static_cast<double>(1U << std::min(failures_++, 5U));
    next_try_at_ = now + std::min(kLongestPause, from_seconds(seconds));
    return;
  }
  failures_ = 0;
  next_try_at_ = {};
  token_ = grant->token;
  expires_at_ = asked_at + grant->life;
  refresh_at_ = expires_at_ - std::min(kRefreshBeforeExpiry, grant->life / 2);
}

void GceTokenSource::reject(const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (token_ == token) token_.clear();
}

Result<GceTokenSource::Grant> GceTokenSource::fetch(Patience patience, HttpClient& http,
                                                    const GceClock& clock, Random& random) {
  if (!credentials_.access_token_file.empty()) {
    std::ifstream file(credentials_.access_token_file);
    Grant grant;
    file >> grant.token;
    if (grant.token.empty()) {
      return make_error(ErrorCode::misconfigured,
                        "access_token_file " + credentials_.access_token_file + " can't be read");
    }
    return grant;
  }
  if (!credentials_.key_file.empty()) return fetch_with_key(http, clock);
  return fetch_from_metadata(patience, http, clock, random);
}

namespace {

// {"access_token": …, "expires_in": …}, or nothing.
std::optional<std::pair<std::string, Duration>> parse_grant(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  std::string token = text_of(json, "access_token");
  const auto life = json.find("expires_in");
  if (token.empty() || life == json.end() || !life->is_number()) return std::nullopt;
  // A line break would smuggle a header in.
  if (token.find_first_of("\r\n") != std::string::npos) return std::nullopt;
  const double seconds = std::clamp(life->get<double>(), 0.0, to_seconds(kLongestLife));
  return std::pair(std::move(token), from_seconds(seconds));
}

}  // namespace

Result<GceTokenSource::Grant> GceTokenSource::fetch_from_metadata(Patience patience,
                                                                  HttpClient& http,
                                                                  const GceClock& clock,
                                                                  Random& random) {
  const Result<std::string> body =
      metadata_.read("instance/service-accounts/default/token", patience, http, clock, random);
  if (!body) return body.error();
  auto grant = parse_grant(*body);
  if (!grant) {
    return transient(ErrorCode::bad_message,
                     "metadata server " + credentials_.metadata_host + ": sent no token");
  }
  return Grant{std::move(grant->first), grant->second};
}

Result<GceTokenSource::Grant> GceTokenSource::fetch_with_key(HttpClient& http,
                                                             const GceClock& clock) {
  const Result<GceServiceAccount> account = read_service_account(credentials_.key_file);
  if (!account) return account.error();
  const Result<std::string> assertion = assertion_of(*account, clock.wall());
  if (!assertion) {
    return make_error(assertion.error().code,
                      "credentials " + credentials_.key_file + ": " + assertion.error().detail);
  }
  HttpRequest request;
  request.method = "POST";
  request.url = account->token_uri;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body =
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + *assertion;
  request.timeout = std::chrono::seconds(10);
  request.most_bytes = kMostTokenBytes;
  const Result<HttpResponse> response = http.send(request);
  const std::string where = "token server " + account->token_uri;
  if (!response) {
    return transient(response.error().code, where + ": " + response.error().detail);
  }
  if (response->status != 200) return refusal(*response, where);
  auto grant = parse_grant(response->body);
  if (!grant) return transient(ErrorCode::bad_message, where + ": sent no token");
  return Grant{std::move(grant->first), grant->second};
}

Result<std::string> GceTokenSource::project(HttpClient& http, const GceClock& clock) {
  if (!credentials_.key_file.empty() && credentials_.access_token_file.empty()) {
    const Result<GceServiceAccount> account = read_service_account(credentials_.key_file);
    if (!account) return account.error();
    if (!account->project_id.empty()) return account->project_id;
    return make_error(ErrorCode::misconfigured,
                      "credentials " + credentials_.key_file + ": name no project; configure one");
  }
  Random random(0);
  {
    const std::lock_guard lock(mutex_);
    random = Random(random_.next());
  }
  return metadata_.read("project/project-id", Patience::a_little, http, clock, random);
}

}  // namespace flaskscale::scaler
