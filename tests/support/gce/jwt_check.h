// Judges the signed assertions with which a service account asks for a token.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace flaskscale::emulator {

// A service account's key pair.
class ServiceAccountKey {
 public:
  // 2048 bits of RSA.
  static Result<std::shared_ptr<const ServiceAccountKey>> generate();
  ~ServiceAccountKey();
  ServiceAccountKey(const ServiceAccountKey&) = delete;
  ServiceAccountKey& operator=(const ServiceAccountKey&) = delete;

  std::string private_pem() const;
  // RS256: `signature` is binary.
  bool verifies(std::string_view text, std::string_view signature) const;
  // The content of a key file, as Google gives it out.
  std::string key_file(const std::string& project, const std::string& email,
                       const std::string& token_uri) const;

 private:
  ServiceAccountKey() = default;
  void* key_ = nullptr;  // EVP_PKEY, owned
};

struct JwtRules {
  std::shared_ptr<const ServiceAccountKey> key;  // null: signatures are not judged
  std::string issuer;                            // empty: any
  double wall = 0;                               // seconds since 1970
};

// Why the assertion is refused; none: it is good.
std::optional<std::string> refuse_assertion(std::string_view assertion, const JwtRules& rules);

}  // namespace flaskscale::emulator
