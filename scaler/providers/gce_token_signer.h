// Signs a service account's claims: RS256 over a PEM key. The only user of OpenSSL in this layer.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace flaskscale::scaler {

// "<header>.<claims>.<signature>"; header and claims are JSON texts. An unreadable key, or one that
// is not RSA, is `misconfigured`; the error never quotes the key.
Result<std::string> sign_jwt(std::string_view header, std::string_view claims,
                             const std::string& private_key_pem);

}  // namespace flaskscale::scaler
