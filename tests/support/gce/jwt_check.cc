#include "tests/support/gce/jwt_check.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cmath>

#include "tests/support/gce/json.h"

namespace flaskscale::emulator {
namespace {

constexpr double kSkew = 300;

std::optional<std::string> from_base64_url(std::string_view text) {
  std::string decoded;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    int value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = c - 'A';
    } else if (c >= 'a' && c <= 'z') {
      value = c - 'a' + 26;
    } else if (c >= '0' && c <= '9') {
      value = c - '0' + 52;
    } else if (c == '-' || c == '_') {
      value = c == '-' ? 62 : 63;
    } else {
      return std::nullopt;
    }
    bits = bits << 6U | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      decoded.push_back(static_cast<char>(bits >> static_cast<unsigned>(count) & 0xFFU));
    }
  }
  return decoded;
}

EVP_PKEY* as_key(void* key) { return static_cast<EVP_PKEY*>(key); }

std::optional<std::string> refuse_claims(const Json& claims, const JwtRules& rules) {
  const std::string issuer = text_of(claims, "iss");
  if (issuer.empty() || (!rules.issuer.empty() && issuer != rules.issuer)) {
    return "Invalid issuer: Not a valid service account";
  }
  if (text_of(claims, "scope").empty()) return "Missing scope";
  if (text_of(claims, "aud").empty()) return "Invalid JWT: no audience";
  const double issued = number_of(claims, "iat", -1);
  const double expires = number_of(claims, "exp", -1);
  if (issued < 0 || expires <= issued || expires - issued > 3600) {
    return "Invalid JWT: Token must be a short-lived token (60 minutes)";
  }
  if (issued > rules.wall + kSkew || expires < rules.wall - kSkew) {
    return "Invalid JWT: iat and exp are not in a reasonable timeframe. Check your clock.";
  }
  return std::nullopt;
}

}  // namespace

Result<std::shared_ptr<const ServiceAccountKey>> ServiceAccountKey::generate() {
  std::shared_ptr<ServiceAccountKey> made(new ServiceAccountKey);
  made->key_ = EVP_RSA_gen(2048);
  if (made->key_ == nullptr) return make_error(ErrorCode::internal, "cannot make an RSA key");
  return std::shared_ptr<const ServiceAccountKey>(std::move(made));
}

ServiceAccountKey::~ServiceAccountKey() { EVP_PKEY_free(as_key(key_)); }

std::string ServiceAccountKey::private_pem() const {
  BIO* memory = BIO_new(BIO_s_mem());
  std::string pem;
  if (PEM_write_bio_PKCS8PrivateKey(memory, as_key(key_), nullptr, nullptr, 0, nullptr, nullptr) ==
      1) {
    char* data = nullptr;
    const long length = BIO_get_mem_data(memory, &data);
    pem.assign(data, static_cast<size_t>(length));
  }
  BIO_free(memory);
  return pem;
}

bool ServiceAccountKey::verifies(std::string_view text, std::string_view signature) const {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  const auto* signed_bytes = reinterpret_cast<const unsigned char*>(signature.data());
  const bool good =
      EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, as_key(key_)) == 1 &&
      EVP_DigestVerify(context, signed_bytes, signature.size(), bytes, text.size()) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

std::string ServiceAccountKey::key_file(const std::string& project, const std::string& email,
                                        const std::string& token_uri) const {
  const Json file = {{"type", "service_account"},
                     {"project_id", project},
                     {"private_key_id", "0123456789abcdef0123456789abcdef01234567"},
                     {"private_key", private_pem()},
                     {"client_email", email},
                     {"client_id", "100000000000000000001"},
                     {"auth_uri", "https://accounts.google.com/o/oauth2/auth"},
                     {"token_uri", token_uri}};
  return file.dump(2);
}

std::optional<std::string> refuse_assertion(std::string_view assertion, const JwtRules& rules) {
  const size_t first = assertion.find('.');
  const size_t second = assertion.rfind('.');
  if (first == std::string_view::npos || first == second) return "Invalid JWT: three parts needed";
  const auto header = from_base64_url(assertion.substr(0, first));
  const auto claims = from_base64_url(assertion.substr(first + 1, second - first - 1));
  const auto signature = from_base64_url(assertion.substr(second + 1));
  if (!header || !claims || !signature) return "Invalid JWT: not base64url";
  const Json head = Json::parse(*header, nullptr, false);
  if (text_of(head, "alg") != "RS256") return "Invalid JWT: algorithm";
  if (rules.key != nullptr && !rules.key->verifies(assertion.substr(0, second), *signature)) {
    return "Invalid JWT Signature.";
  }
  return refuse_claims(Json::parse(*claims, nullptr, false), rules);
}

}  // namespace flaskscale::emulator
