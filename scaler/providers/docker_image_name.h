// The name of a container image, taken apart.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace flaskscale::scaler {

struct DockerImageName {
  std::string repository;  // as written: "shop", "registry.example.com:5000/team/shop"
  std::string version;     // a tag or "sha256:…"; "latest" where none is written
  std::string registry;    // "docker.io" where none is written

  static Result<DockerImageName> parse(std::string_view text);
};

}  // namespace flaskscale::scaler
