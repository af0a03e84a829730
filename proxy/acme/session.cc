#include "proxy/acme/session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64url.h"
#include "proxy/acme/jws.h"
#include "proxy/acme/problem.h"

namespace flaskscale::acme {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostBytes = 1U << 20U;
constexpr size_t kLongestNonce = 1024;
constexpr std::string_view kJoseType = "application/jose+json";

scaler::HttpRequest request_of(std::string method, std::string url) {
  scaler::HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.most_bytes = kMostBytes;
  return request;
}

bool is_success(int status) { return status >= 200 && status < 300; }

}  // namespace

std::optional<Duration> parse_retry_after(std::string_view text, WallTime now, Duration longest) {
  if (text.empty()) return std::nullopt;
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
    std::tm parts{};
    const std::string date(text);
    const char* const rest = strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    const auto today = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
    seconds = timegm(&parts) - today.count();
  } else if (error != std::errc()) {
    return longest;  // more than a number holds
  }
  if (seconds <= 0) return std::nullopt;
  const int64_t most = std::chrono::duration_cast<std::chrono::seconds>(longest).count();
  return std::chrono::seconds(std::min(seconds, most));
}

Session::Session(DirectorySettings settings, Pace pace, Key account_key, Account account,
                 scaler::HttpClient& client)
    : settings_(std::move(settings)),
      pace_(pace),
      key_(std::move(account_key)),
      account_(std::move(account)),
      client_(client) {}

Failure Session::failure_of(std::string_view what, const Error& error) const {
  const FailureKind kind =
      error.code == ErrorCode::cancelled ? FailureKind::cancelled : FailureKind::passing;
  std::string text = std::string(what) + ": " + error.detail;
  if (error.code == ErrorCode::misconfigured) {
    text += "; acme.ca names the file of the authorities to trust, if it is not a public one";
  }
  return {kind, std::move(text), std::nullopt};
}

Failure Session::failure_of(std::string_view what, const scaler::HttpResponse& response,
                            WallTime now) const {
  const Problem problem = parse_problem(response.body);
  std::string said = describe(problem);
  if (said.empty()) said = "no problem document, so perhaps not the directory itself";
  Failure failure{
      kind_of(problem, response.status),
      std::string(what) + ": the directory answers " + std::to_string(response.status) + ", " +
          said + hint_of(problem),
      parse_retry_after(response.header("retry-after"), now, pace_.longest_retry_after)};
  return failure;
}

std::optional<Failure> Session::open(WallTime now) {
  if (!directory_) {
    if (auto failure = fetch_directory(now)) return failure;
  }
  if (account_.url.empty()) {
    if (auto failure = make_account(now)) {
      directory_.reset();
      return failure;
    }
  }
  if (account_.email != settings_.email) change_contact(now);
  return std::nullopt;
}

std::optional<Failure> Session::fetch_directory(WallTime now) {
  const std::string what = "directory " + settings_.url;
  const auto response = client_.send(request_of("GET", settings_.url));
  if (!response) return failure_of(what, response.error());
  if (!is_success(response->status)) {
    Failure failure = failure_of(what, *response, now);
    // A wrong address, or a page that is down: it has not judged anything.
    if (failure.kind != FailureKind::rate_limited) failure.kind = FailureKind::passing;
    return failure;
  }
  directory_ = parse_directory(response->body, settings_.url);
  if (directory_) return std::nullopt;
  return Failure{FailureKind::passing,
                 what + ": is no ACME directory; acme.directory must name one", std::nullopt};
}

std::string Session::contact() const {
  return settings_.email.empty() ? "" : "mailto:" + settings_.email;
}

std::optional<Failure> Session::make_account(WallTime now) {
  Json payload = {{"termsOfServiceAgreed", settings_.agree_terms}};
  if (!settings_.email.empty()) payload["contact"] = Json::array({contact()});
  if (!settings_.eab_key_id.empty()) {
    payload["externalAccountBinding"] = Json::parse(account_binding(
        settings_.eab_key_id, settings_.eab_key, directory_->new_account, key_.jwk()));
  }
  Reply reply = post("new account", directory_->new_account,
                     payload.dump(-1, ' ', false, Json::error_handler_t::replace), now);
  if (reply.failure) return std::move(reply.failure);
  if (!is_sound_url(reply.location, settings_.url)) {
    return Failure{FailureKind::passing, "new account: the directory names no account",
                   std::nullopt};
  }
  account_ = {reply.location, settings_.email};
  spdlog::info("acme: account {} at {}", account_.url, settings_.url);
  return std::nullopt;
}

// No certificate waits for it: what fails is said once.
void Session::change_contact(WallTime now) {
  const Json contacts = settings_.email.empty() ? Json::array() : Json::array({contact()});
  const Json payload = {{"contact", contacts}};
  const Reply reply = post("change of the account's contact", account_.url,
                           payload.dump(-1, ' ', false, Json::error_handler_t::replace), now);
  account_.email = settings_.email;
  if (reply.failure && reply.failure->kind != FailureKind::cancelled) {
    spdlog::warn("acme: {}", reply.failure->text);
  }
}

std::optional<Failure> Session::fetch_nonce(WallTime now) {
  const std::string what = "new nonce at " + directory_->new_nonce;
  const auto response = client_.send(request_of("HEAD", directory_->new_nonce));
  if (!response) return failure_of(what, response.error());
  if (!is_success(response->status)) return failure_of(what, *response, now);
  nonce_ = response->header("replay-nonce");
  if (!nonce_.empty() && nonce_.size() <= kLongestNonce && is_base64url(nonce_)) {
    return std::nullopt;
  }
  nonce_.clear();
  return Failure{FailureKind::passing, what + ": the directory gives none", std::nullopt};
}

Reply Session::post(std::string_view what, const std::string& url, std::string_view payload,
                    WallTime now) {
  Reply reply;
  for (unsigned tries = 0; tries < kMostNonces; ++tries) {
    if (nonce_.empty()) reply.failure = fetch_nonce(now);
    if (reply.failure) return reply;
    const std::string nonce = std::exchange(nonce_, {});
    const auto body = signed_body(key_, {url, nonce, account_.url}, payload);
    if (!body) {
      reply.failure = Failure{FailureKind::local, body.error().detail, std::nullopt};
      return reply;
    }
    scaler::HttpRequest request = request_of("POST", url);
    request.headers = {{"Content-Type", std::string(kJoseType)}};
    request.body = *body;
    const auto response = client_.send(request);
    if (!response) {
      reply.failure = failure_of(what, response.error());
      return reply;
    }
    const std::string_view next = response->header("replay-nonce");
    if (next.size() <= kLongestNonce && is_base64url(next)) nonce_ = next;
    if (is_success(response->status)) {
      reply.body = response->body;
      reply.location = response->header("location");
      reply.retry_after =
          parse_retry_after(response->header("retry-after"), now, pace_.longest_retry_after);
      return reply;
    }
    if (parse_problem(response->body).type == "badNonce") continue;
    reply.failure = failure_of(what, *response, now);
    return reply;
  }
  reply.failure =
      Failure{FailureKind::passing, std::string(what) + ": the directory refuses all its nonces",
              std::nullopt};
  return reply;
}

}  // namespace flaskscale::acme
