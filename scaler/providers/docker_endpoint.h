// Where a Docker engine listens.
#pragma once

#include <string>

#include "base/result.h"
#include "scaler/providers/curl_http_client.h"

namespace flaskscale::scaler {

struct DockerEndpoint {
  std::string unix_socket;  // empty: TCP
  std::string url;          // "http://host:port", without a slash at the end

  // "unix:///path", "tcp://host:port" (plain HTTP), "http://…", "https://…". The error is one line.
  static Result<DockerEndpoint> parse(const std::string& text);
};

// For https: ca.pem, cert.pem and key.pem of the folder that $DOCKER_CERT_PATH names, as the docker
// command has it; without it the system's authorities and no certificate of our own.
CurlSettings docker_trust(const DockerEndpoint& endpoint);

}  // namespace flaskscale::scaler
