#include "proxy/acme/messages.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64url.h"
#include "base/text.h"

namespace flaskscale::acme {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestUrl = 2000;
constexpr size_t kLongestToken = 256;
constexpr size_t kMostNames = 1000;

std::string text_of(const Json& json, const char* key) {
  if (!json.is_object()) return {};
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The list under that key, or an empty one.
const Json& list_of(const Json& json, const char* key) {
  static const Json kNone = Json::array();
  const auto found = json.find(key);
  return found != json.end() && found->is_array() ? *found : kNone;
}

std::optional<OrderStatus> order_status(const std::string& word) {
  if (word == "pending") return OrderStatus::pending;
  if (word == "ready") return OrderStatus::ready;
  if (word == "processing") return OrderStatus::processing;
  if (word == "valid") return OrderStatus::valid;
  if (word == "invalid") return OrderStatus::invalid;
  return std::nullopt;
}

PartStatus part_status(const std::string& word) {
  if (word == "pending") return PartStatus::pending;
  if (word == "processing") return PartStatus::processing;
  if (word == "valid") return PartStatus::valid;
  if (word == "invalid") return PartStatus::invalid;
  if (word == "deactivated" || word == "expired" || word == "revoked") return PartStatus::gone;
  return PartStatus::unknown;
}

std::string name_of(const Json& identifier) {
  return text_of(identifier, "type") == "dns" ? lower_case(text_of(identifier, "value")) : "";
}

std::optional<Problem> error_of(const Json& json) {
  const auto found = json.find("error");
  if (found == json.end() || !found->is_object()) return std::nullopt;
  return read_problem(*found);
}

}  // namespace

bool is_sound_url(std::string_view url, std::string_view directory_url) {
  if (url.size() > kLongestUrl) return false;
  if (std::any_of(url.begin(), url.end(), [](char c) { return c <= 0x20 || c >= 0x7F; })) {
    return false;
  }
  constexpr std::string_view kSecure = "https://";
  constexpr std::string_view kPlain = "http://";
  if (url.starts_with(kSecure)) return url.size() > kSecure.size();
  return directory_url.starts_with(kPlain) && url.starts_with(kPlain) && url.size() > kPlain.size();
}

std::optional<Directory> parse_directory(std::string_view body, std::string_view directory_url) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  Directory directory{text_of(json, "newNonce"), text_of(json, "newAccount"),
                      text_of(json, "newOrder"), ""};
  for (const std::string* url :
       {&directory.new_nonce, &directory.new_account, &directory.new_order}) {
    if (!is_sound_url(*url, directory_url)) return std::nullopt;
  }
  if (const auto meta = json.find("meta"); meta != json.end()) {
    directory.terms = text_of(*meta, "termsOfService");
  }
  return directory;
}

std::optional<Order> parse_order(std::string_view body, std::string_view directory_url) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto status = order_status(text_of(json, "status"));
  if (!status) return std::nullopt;
  Order order;
  order.status = *status;
  order.finalize = text_of(json, "finalize");
  order.certificate = text_of(json, "certificate");
  order.error = error_of(json);
  const Json& identifiers = list_of(json, "identifiers");
  const Json& authorizations = list_of(json, "authorizations");
  if (identifiers.size() > kMostNames || authorizations.size() > kMostNames) return std::nullopt;
  for (const Json& identifier : identifiers) order.names.push_back(name_of(identifier));
  std::sort(order.names.begin(), order.names.end());
  for (const Json& url : authorizations) {
    if (!url.is_string() || !is_sound_url(url.get<std::string>(), directory_url)) {
      return std::nullopt;
    }
    order.authorizations.push_back(url.get<std::string>());
  }
  const bool needs_certificate = order.status == OrderStatus::valid;
  if (order.status == OrderStatus::invalid) return order;
  if (!is_sound_url(order.finalize, directory_url)) return std::nullopt;
  if (needs_certificate && !is_sound_url(order.certificate, directory_url)) return std::nullopt;
  return order;
}

std::optional<Authorization> parse_authorization(std::string_view body,
                                                 std::string_view directory_url) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  Authorization authorization;
  authorization.status = part_status(text_of(json, "status"));
  if (authorization.status == PartStatus::unknown) return std::nullopt;
  if (const auto identifier = json.find("identifier"); identifier != json.end()) {
    authorization.name = name_of(*identifier);
  }
  if (authorization.name.empty()) return std::nullopt;
  for (const Json& entry : list_of(json, "challenges")) {
    if (!entry.is_object()) return std::nullopt;
    if (auto error = error_of(entry)) authorization.error = std::move(error);
    if (text_of(entry, "type") != "http-01" || authorization.http) continue;
    Challenge challenge{text_of(entry, "url"), text_of(entry, "token"),
                        part_status(text_of(entry, "status"))};
    const bool sound = is_sound_url(challenge.url, directory_url) && !challenge.token.empty() &&
                       challenge.token.size() <= kLongestToken && is_base64url(challenge.token);
    if (!sound) return std::nullopt;
    authorization.http = std::move(challenge);
  }
  return authorization;
}

}  // namespace flaskscale::acme
