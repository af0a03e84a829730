// Signed request bodies (RFC 8555 section 6.2): JSON web signatures in the flattened form.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "proxy/acme/openssl_key.h"

namespace flaskscale::acme {

struct JwsHead {
  std::string_view url;
  std::string_view nonce;
  std::string_view account_url = {};  // empty: the key itself is sent, for a new account
};

// ES256. `payload`: JSON text; empty for POST-as-GET.
Result<std::string> signed_body(const Key& key, const JwsHead& head, std::string_view payload);

// The externalAccountBinding of a new account: its public key, signed (HS256) with the key that the
// authority gave out under that id.
std::string account_binding(std::string_view key_id, std::string_view hmac_key,
                            std::string_view url, std::string_view account_jwk);

}  // namespace flaskscale::acme
