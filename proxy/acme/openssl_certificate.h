// Certificates and requests for them: made, read, and held against their key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "proxy/acme/openssl_key.h"

namespace flaskscale::acme {

// What the first certificate of a chain says.
struct CertificateFacts {
  WallTime not_before{};
  WallTime not_after{};
  std::vector<std::string> names;  // DNS names, lower case, sorted
  bool is_self_issued = false;     // a stand-in: nobody vouches for it
};

// PKCS #10, DER. The names are in its alternative names only; the subject is empty.
Result<std::string> certificate_request(const Key& key, const std::vector<std::string>& names);

// PEM, signed by its own key: good for `life` from an hour before `now`.
Result<std::string> stand_in_certificate(const Key& key, const std::vector<std::string>& names,
                                         WallTime now, Duration life);

// The chain's first certificate must belong to the key, and all of it must be readable.
// `bad_message` says what is wrong.
Result<CertificateFacts> read_pair(std::string_view chain_pem, const Key& key);

}  // namespace flaskscale::acme
