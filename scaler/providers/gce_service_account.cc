#include "scaler/providers/gce_service_account.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "scaler/providers/gce_token_signer.h"
#include "scaler/providers/json_reading.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;
constexpr const char* kScope = "https://www.googleapis.com/auth/compute";
constexpr const char* kDefaultTokenUri = "https://oauth2.googleapis.com/token";
constexpr auto kLife = std::chrono::hours(1);
constexpr size_t kLargestFile = 1U << 20U;

Error refuse(const std::string& path, const std::string& why) {
  return make_error(ErrorCode::misconfigured, "credentials " + path + ": " + why);
}

Result<std::string> read_small_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return refuse(path, "can't be read");
  std::string text(kLargestFile, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof()) return refuse(path, "can't be read, or is too large to be a key");
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

Result<GceServiceAccount> read_service_account(const std::string& path) {
  const Result<std::string> text = read_small_file(path);
  if (!text) return text.error();
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return refuse(path, "is no JSON object");
  const std::string type = text_of(json, "type");
  if (type != "service_account") {
    return refuse(path, "is of type \"" + type.substr(0, 40) +
                            "\"; only a service account's key (service_account) is supported");
  }
  GceServiceAccount account;
  account.client_email = text_of(json, "client_email");
  account.private_key = text_of(json, "private_key");
  account.private_key_id = text_of(json, "private_key_id");
  account.token_uri = text_of(json, "token_uri");
  account.project_id = text_of(json, "project_id");
  if (account.token_uri.empty()) account.token_uri = kDefaultTokenUri;
  if (account.client_email.empty()) return refuse(path, "has no client_email");
  if (account.private_key.empty()) return refuse(path, "has no private_key");
  return account;
}

Result<std::string> assertion_of(const GceServiceAccount& account, WallTime now) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  const auto issued = duration_cast<seconds>(now.time_since_epoch()).count();
  Json header = {{"alg", "RS256"}, {"typ", "JWT"}};
  if (!account.private_key_id.empty()) header["kid"] = account.private_key_id;
  const Json claims = {{"iss", account.client_email},
                       {"aud", account.token_uri},
                       {"scope", kScope},
                       {"iat", issued},
                       {"exp", issued + duration_cast<seconds>(kLife).count()}};
  constexpr auto kReplace = Json::error_handler_t::replace;
  return sign_jwt(header.dump(-1, ' ', false, kReplace), claims.dump(-1, ' ', false, kReplace),
                  account.private_key);
}

}  // namespace flaskscale::scaler
