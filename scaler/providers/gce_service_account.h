// A service account's key file, and the assertion that is exchanged for an access token.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace flaskscale::scaler {

struct GceServiceAccount {
  std::string client_email;
  std::string private_key;  // PEM
  std::string private_key_id;
  std::string token_uri;
  std::string project_id;  // may be empty
};

// Errors are `misconfigured` and name the file and what is wrong with it, never its contents.
Result<GceServiceAccount> read_service_account(const std::string& path);

// A signed assertion, good for an hour from `now`.
Result<std::string> assertion_of(const GceServiceAccount& account, WallTime now);

}  // namespace flaskscale::scaler
