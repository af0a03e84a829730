#include "proxy/acme/jws.h"

#include <nlohmann/json.hpp>

#include "base/base64url.h"

namespace flaskscale::acme {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string flattened(const std::string& head, const std::string& payload,
                      const std::string& signature) {
  return text_of({{"protected", head}, {"payload", payload}, {"signature", base64url(signature)}});
}

}  // namespace

Result<std::string> signed_body(const Key& key, const JwsHead& head, std::string_view payload) {
  Json fields = {{"alg", "ES256"}, {"nonce", head.nonce}, {"url", head.url}};
  if (head.account_url.empty()) {
    fields["jwk"] = Json::parse(key.jwk());
  } else {
    fields["kid"] = head.account_url;
  }
  const std::string first = base64url(text_of(fields));
  const std::string second = base64url(payload);
  const auto signature = key.sign(first + "." + second);
  if (!signature) return signature.error();
  return flattened(first, second, *signature);
}

std::string account_binding(std::string_view key_id, std::string_view hmac_key,
                            std::string_view url, std::string_view account_jwk) {
  const std::string first = base64url(text_of({{"alg", "HS256"}, {"kid", key_id}, {"url", url}}));
  const std::string second = base64url(account_jwk);
  return flattened(first, second, hmac_sha256(hmac_key, first + "." + second));
}

}  // namespace flaskscale::acme
