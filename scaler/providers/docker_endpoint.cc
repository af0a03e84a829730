#include "scaler/providers/docker_endpoint.h"

#include <cstdlib>
#include <string_view>

#include "base/endpoint.h"

namespace flaskscale::scaler {

Result<DockerEndpoint> DockerEndpoint::parse(const std::string& text) {
  const auto refuse = [&](const std::string& why) {
    return make_error(ErrorCode::invalid_argument, "host = \"" + text + "\": " + why);
  };
  const std::string_view view = text;
  constexpr std::string_view kUnix = "unix://";
  constexpr size_t kLongestPath = 107;  // sun_path
  if (view.starts_with(kUnix)) {
    const std::string path(view.substr(kUnix.size()));
    if (!path.starts_with('/')) return refuse("the path of the socket must begin with \"/\"");
    if (path.size() > kLongestPath) return refuse("the path of a socket has at most 107 letters");
    return DockerEndpoint{path, "http://docker"};
  }
  for (const std::string_view scheme : {"tcp://", "http://", "https://"}) {
    if (!view.starts_with(scheme)) continue;
    std::string_view rest = view.substr(scheme.size());
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const Result<Endpoint> endpoint = parse_endpoint(rest);
    if (!endpoint) return refuse(endpoint.error().detail);
    if (endpoint->port == 0) return refuse("port 0 is none");
    return DockerEndpoint{"",
                          (scheme == "https://" ? "https://" : "http://") + to_string(*endpoint)};
  }
  return refuse("it begins with unix://, tcp://, http:// or https://");
}

CurlSettings docker_trust(const DockerEndpoint& endpoint) {
  const char* folder = std::getenv("DOCKER_CERT_PATH");
  if (!endpoint.url.starts_with("https://") || folder == nullptr || *folder == '\0') return {};
  const std::string base = folder;
  return {base + "/ca.pem", base + "/cert.pem", base + "/key.pem"};
}

}  // namespace flaskscale::scaler
