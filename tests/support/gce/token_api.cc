#include "tests/support/gce/token_api.h"

#include <utility>

#include "tests/support/gce/api_url.h"

namespace flaskscale::emulator {
namespace {

WebReply refusal(const char* error, const std::string& description) {
  return WebReply::json(400, {{"error", error}, {"error_description", description}});
}

}  // namespace

void TokenApi::expect(std::shared_ptr<const ServiceAccountKey> key, std::string issuer) {
  key_ = std::move(key);
  issuer_ = std::move(issuer);
}

WebReply TokenApi::answer(const WebRequest& request, const FaultHits& hits) {
  if (request.verb != "POST") return refusal("invalid_request", "POST only");
  std::string grant;
  std::string assertion;
  for (auto& [name, value] : parse_form(request.body)) {
    if (name == "grant_type") grant = std::move(value);
    if (name == "assertion") assertion = std::move(value);
  }
  if (grant != "urn:ietf:params:oauth:grant-type:jwt-bearer") {
    return refusal("unsupported_grant_type", "Invalid grant_type: " + grant);
  }
  if (cloud_.access.is_revoked()) {
    return refusal("invalid_grant", "Invalid grant: account not found");
  }
  if (const auto why = refuse_assertion(assertion, {key_, issuer_, cloud_.client_wall()})) {
    return refusal("invalid_grant", *why);
  }
  double seconds = cloud_.settings.token_seconds;
  if (const Json* fault = hits.find("token")) seconds = number_of(*fault, "expires_in", seconds);
  const Access::Token issued = cloud_.access.issue(seconds);
  return WebReply::json(200, {{"access_token", issued.text},
                              {"expires_in", static_cast<int64_t>(issued.seconds)},
                              {"token_type", "Bearer"}});
}

}  // namespace flaskscale::emulator
