// An EC P-256 key: made, kept as PEM, signing as ES256.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;

namespace flaskscale::acme {

// SHA-256, 32 bytes.
std::string sha256(std::string_view bytes);

// HMAC with SHA-256, 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

// Immutable and cheap to copy; any thread. Errors never quote the key.
class Key {
 public:
  static Result<Key> generate();
  // PKCS #8 or SEC 1, without a passphrase; another kind of key is an error.
  static Result<Key> from_pem(std::string_view pem);

  // PKCS #8.
  const std::string& pem() const { return pem_; }
  // The public half in the form of RFC 7638: {"crv":"P-256","kty":"EC","x":"…","y":"…"}.
  const std::string& jwk() const { return jwk_; }
  // base64url of the SHA-256 of jwk().
  std::string thumbprint() const;
  // ES256: r and s of 32 bytes each (RFC 7518, 3.4).
  Result<std::string> sign(std::string_view message) const;

  // For the files of this layer that speak to OpenSSL.
  evp_pkey_st* native() const { return key_.get(); }

 private:
  explicit Key(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  Result<void> describe();

  std::shared_ptr<evp_pkey_st> key_;  // shared by copies
  std::string pem_;
  std::string jwk_;
};

}  // namespace flaskscale::acme
