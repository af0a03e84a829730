#include "proxy/server/webhook_target.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace flaskscale::server {
namespace {

constexpr int64_t kLongestWait = 300;  // seconds

// In seconds; a date or nonsense asks for nothing.
Duration retry_after(std::string_view text) {
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return Duration::zero();
  return std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kLongestWait));
}

bool is_passing(int status) {
  return status >= 500 || status == 408 || status == 425 || status == 429;
}

}  // namespace

WebhookTarget::WebhookTarget(std::string url, std::unique_ptr<scaler::HttpClient> client)
    : url_(std::move(url)), client_(std::move(client)) {}

HookReply WebhookTarget::deliver(const std::string& event, const std::string& id,
                                 Duration timeout) {
  scaler::HttpRequest request;
  request.method = "POST";
  request.url = url_;
  request.headers = {
      {"Content-Type", "application/json"}, {"User-Agent", "flaskscale"}, {"Idempotency-Key", id}};
  request.body = event;
  request.timeout = timeout;
  request.connect_timeout = std::min(timeout, request.connect_timeout);
  request.most_bytes = size_t{1} << 20U;
  const auto response = client_->send(request);
  using Verdict = HookReply::Verdict;
  if (!response) {
    // What it had to say was too long, but it has said it.
    if (response.error().code == ErrorCode::too_large) return {Verdict::delivered, {}, {}};
    return {Verdict::try_again, response.error().detail, {}};
  }
  if (response->status >= 200 && response->status < 300) return {Verdict::delivered, {}, {}};
  const std::string detail = "answered " + std::to_string(response->status);
  if (!is_passing(response->status)) return {Verdict::refused, detail, {}};
  return {Verdict::try_again, detail, retry_after(response->header("retry-after"))};
}

// The path often is a password.
std::string WebhookTarget::name() const {
  const size_t host = url_.find("://");
  const size_t begin = host == std::string::npos ? 0 : host + 3;
  const size_t end = url_.find_first_of("/?#", begin);
  std::string text = url_.substr(0, end);
  const size_t at = text.rfind('@');
  if (at != std::string::npos && at >= begin) text.erase(begin, at + 1 - begin);
  return end == std::string::npos ? text : text + "/…";
}

}  // namespace flaskscale::server
