// What the route and the pool make of a request: who its client is, answers without a backend,
// changed heads, and which backend it would like.
#include <charconv>

#include "balancer/pool.h"
#include "base/check.h"
#include "base/endpoint.h"
#include "base/keyed_hash.h"
#include "proxy/forward/acme_challenges.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/local_pool.h"
#include "proxy/forward/worker_services.h"
#include "proxy/http/client_address.h"
#include "proxy/http/cookie.h"
#include "proxy/http/head_writer.h"

namespace flaskscale::forward {
namespace {

// Where a key belongs must not change with the version: sessions and caches rest on it.
constexpr HashKey kPlaceKey = {0x666c61736b736361ULL, 0x6c652d706c616365ULL};

std::optional<uint64_t> read_hex(std::string_view text) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value, 16);
  if (text.size() != 16 || error != std::errc() || parsed != end) return std::nullopt;
  return value;
}

}  // namespace

void Exchange::identify(const http::RequestHead& head, const RequestOrigin& origin, bool trusted) {
  std::string_view id;
  if (trusted) id = http::find_field(head.fields, "x-request-id");
  request_id_ = http::is_valid_request_id(id) ? id : services_.new_request_id();
  ends_ = origin.ends;
  if (trusted) {
    ends_.client =
        http::forwarded_client(head.fields, ends_.client, origin.listener->trusted_proxies);
    if (ends_.client != origin.ends.client) ends_.client_port = 0;
  }
  client_text_.clear();
  if (ends_.has_client()) ends_.client.append_to(client_text_);
  secure_ = origin.scheme == "https";
  hsts_ = origin.tls == nullptr ? std::string_view() : origin.listener->hsts;
  bytes_in_ = origin.head_bytes;
}

bool Exchange::answer_challenge(const http::RequestHead& head, End end) {
  const AcmeChallenges* const challenges = services_.acme_challenges;
  if (challenges == nullptr || challenges->is_empty()) return false;
  if (method_ != http::Method::get && method_ != http::Method::head) return false;
  const auto text = challenges->find(head.path);
  if (!text) return false;
  request_complete_ = end == End::last;
  http::ResponseHead& answer = services_.edited_head;
  answer.clear();
  answer.status = 200;
  answer.framing = http::Framing::content_length;
  answer.content_length = text->size();
  answer.fields.push_back({"Content-Type", "application/octet-stream"});
  answer_here(answer, *text, "acme_challenge");
  return true;
}

void Exchange::answer_by_route(const http::RequestHead& head, std::string_view scheme) {
  http::ResponseHead& answer = services_.edited_head;
  const std::string_view body =
      route_->action.write_answer(head, scheme, answer, services_.route_text);
  answer_here(answer, body, route_->action.reason());
}

void Exchange::redirect_to_https(const http::RequestHead& head, uint16_t port) {
  if (head.authority.empty()) {  // HTTP/1.0 without a Host
    fail(400, "no_host");
    return;
  }
  std::string& location = services_.route_text;
  location = "https://";
  location.append(without_port(head.authority));
  if (port != 443) location.append(":").append(std::to_string(port));
  if (head.path.starts_with('/')) location.append(head.path);
  http::ResponseHead& answer = services_.edited_head;
  answer.clear();
  answer.status = 308;
  answer.reason = http::status_phrase(308);
  answer.framing = http::Framing::content_length;
  answer.fields.push_back({"Location", location});
  answer_here(answer, {}, "redirect_to_https");
}

void Exchange::answer_here(http::ResponseHead& answer, std::string_view body,
                           std::string_view reason) {
  status_ = answer.status;
  reason_ = reason;
  intended_ = true;
  answer.fields.push_back({"Date", services_.http_date()});
  std::string length;
  if (method_ == http::Method::head && answer.framing == http::Framing::content_length) {
    length = std::to_string(body.size());
    answer.fields.push_back({"Content-Length", length});
    answer.framing = http::Framing::none;
    body = {};
  }
  bytes_out_ += body.size();
  const bool client_is_whole = request_complete_;
  // A client that is gone is noticed by the next read.
  static_cast<void>(client_->send_head(answer, body, End::last, {}));
  if (phase_ == Phase::ended) return;
  finish(client_is_whole ? AfterExchange::keep : AfterExchange::close);
}

// --- Which backend

void Exchange::choose_wishes(const http::RequestHead& head) {
  const PoolTraits& traits = pool_->traits;
  if (!traits.sticky_cookie.empty()) {
    sticky_ = read_hex(http::find_cookie(head.fields, traits.sticky_cookie));
  }
  if (!traits.hashes) return;
  std::string_view key;
  switch (traits.hash_on.source) {
    case config::HashSource::client:
      break;
    case config::HashSource::header:
      key = http::find_field(head.fields, traits.hash_on.name);
      break;
    case config::HashSource::cookie:
      key = http::find_cookie(head.fields, traits.hash_on.name);
      break;
  }
  // Who has no such header or cookie is told apart by the address.
  const auto& address = ends_.client.bytes();
  if (key.empty()) key = {reinterpret_cast<const char*>(address.data()), address.size()};
  hash_ = keyed_hash(kPlaceKey, key);
}

// A client whose backend is only full comes back to it with its next request; one whose backend is
// gone gets another.
bool Exchange::needs_sticky_cookie(uint64_t name) const {
  if (!sticky_) return true;
  return *sticky_ != name && !pool_->pool().may_pick_sticky(pool_->view(), *sticky_);
}

void Exchange::add_sticky_cookie(std::vector<http::Field>& fields) {
  const PoolTraits& traits = pool_->traits;
  const uint64_t name = keyed_hash(traits.sticky_key, slot_.backend().address());
  if (!needs_sticky_cookie(name)) return;
  char digits[17] = "0000000000000000";
  char hex[16];
  const auto [end, error] = std::to_chars(hex, hex + sizeof hex, name, 16);
  FS_CHECK(error == std::errc());
  const auto count = static_cast<size_t>(end - hex);
  std::copy(hex, end, digits + 16 - count);
  services_.route_text = traits.sticky_cookie;
  services_.route_text.append("=").append(digits).append("; Path=/; HttpOnly; SameSite=Lax");
  if (secure_) services_.route_text.append("; Secure");
  fields.push_back({"Set-Cookie", services_.route_text});
}

const http::ResponseHead& Exchange::edited(const http::ResponseHead& head) {
  const bool is_sticky = !pool_->traits.sticky_cookie.empty();
  const auto& edits = route_->action.response_edits();
  const bool needs_hsts =
      !hsts_.empty() && http::find_field(head.fields, "strict-transport-security").empty();
  if (!is_sticky && !needs_hsts && edits.empty()) return head;
  http::ResponseHead& changed = services_.edited_head;
  changed = head;
  if (needs_hsts) changed.fields.push_back({"Strict-Transport-Security", hsts_});
  edits.apply_to(changed.fields);
  if (is_sticky) add_sticky_cookie(changed.fields);
  return changed;
}

}  // namespace flaskscale::forward
