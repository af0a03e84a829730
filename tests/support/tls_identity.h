// Certificates and keys made for a test, as PEM.
#pragma once

#include <chrono>
#include <string>
#include <vector>

struct ssl_st;

namespace flaskscale {

enum class TestKey : unsigned char { ecdsa, rsa };

struct TlsIdentity {
  std::string cert_pem;
  std::string key_pem;
};

struct IdentityWish {
  std::vector<std::string> names = {};  // subject alternative names; also the common name if none
  std::string common_name = "test";
  TestKey key = TestKey::ecdsa;
  const TlsIdentity* issuer = nullptr;  // null: self-signed
  bool is_authority = false;
  std::chrono::hours valid{24};
};

TlsIdentity make_identity(const IdentityWish& wish);

// An OCSP response, DER, that says "good" about `subject`.
std::string make_ocsp_response(const TlsIdentity& subject, const TlsIdentity& issuer,
                               std::chrono::seconds valid);

// The certificate and key that this side of a connection shows.
void use_identity(ssl_st* ssl, const TlsIdentity& identity);

}  // namespace flaskscale
