#include "scaler/providers/docker_image_name.h"

#include <algorithm>

namespace flaskscale::scaler {
namespace {

constexpr size_t kLongestImageName = 512;

bool is_registry(std::string_view first) {
  return first == "localhost" || first.find_first_of(".:") != std::string_view::npos;
}

}  // namespace

Result<DockerImageName> DockerImageName::parse(std::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '?' && c != '#' && c != '&';
  });
  const auto refuse = [&] {
    return make_error(ErrorCode::invalid_argument,
                      "image = \"" + std::string(text.substr(0, kLongestImageName)) +
                          "\" is no name of an image");
  };
  if (text.empty() || text.size() > kLongestImageName || !printable) return refuse();

  DockerImageName name;
  std::string_view rest = text;
  if (const size_t digest = rest.find('@'); digest != std::string_view::npos) {
    name.version = rest.substr(digest + 1);
    rest = rest.substr(0, digest);
    if (!name.version.starts_with("sha256:") && !name.version.starts_with("sha512:")) {
      return refuse();
    }
  }
  const size_t slash = rest.rfind('/');
  const size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    if (name.version.empty()) name.version = rest.substr(colon + 1);
    if (colon + 1 == rest.size()) return refuse();
    rest = rest.substr(0, colon);
  }
  if (rest.empty() || rest.starts_with('/') || rest.ends_with('/')) return refuse();
  if (name.version.empty()) name.version = "latest";
  name.repository = rest;
  const std::string_view first = rest.substr(0, rest.find('/'));
  const bool named = first.size() < rest.size() && is_registry(first);
  name.registry = named ? std::string(first) : "docker.io";
  if (name.registry == "index.docker.io") name.registry = "docker.io";
  return name;
}

}  // namespace flaskscale::scaler
