// What a registry is to be told, from the docker command's own configuration.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace flaskscale::scaler {

// Runs `program get` with `input` on its standard input; the result is its output, or an error when
// it can't be run, takes too long or exits with another status than 0.
using CredentialHelper =
    std::function<Result<std::string>(const std::string& program, const std::string& input)>;
// The real one; `cancelled` may be null, else outlives it.
CredentialHelper credential_helper(const std::atomic<bool>* cancelled);

class DockerCredentials {
 public:
  // `path`: a config.json; empty: $DOCKER_CONFIG/config.json, else ~/.docker/config.json.
  DockerCredentials(const std::string& path, CredentialHelper helper);

  // The value of X-Registry-Auth for a registry ("docker.io", "registry.example.com:5000"); empty
  // when nothing is known of it. In this order: credHelpers, auths, credsStore. Blocks while a
  // helper runs. Errors never quote a secret: a named file is absent or makes no sense, a helper
  // is missing or broken.
  Result<std::string> header_for(const std::string& registry) const;

 private:
  Result<std::string> ask_helper(const std::string& program, const std::string& registry) const;

  const std::string path_;  // empty: nowhere to look
  const bool must_exist_;
  const CredentialHelper helper_;
};

// RFC 4648 with the URL-safe alphabet and padding, as the engine wants that header.
std::string base64_url_padded(std::string_view bytes);
// Either alphabet, padding optional; `bad_message` for anything else.
Result<std::string> base64_decoded(std::string_view text);

}  // namespace flaskscale::scaler
