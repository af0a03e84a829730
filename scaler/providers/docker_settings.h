// How the docker provider of one pool makes its containers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace flaskscale::scaler {

// When an image is fetched from its registry. `always` uses the image at hand when the registry
// can't be reached.
enum class PullPolicy : uint8_t { missing, always, never };
Result<PullPolicy> parse_pull_policy(std::string_view word);
std::string_view to_string(PullPolicy policy);

// In the values of `environment` and the words of `command`, {name} and {port} are replaced.
struct DockerSettings {
  std::string pool;
  std::string state_dir;  // holds this front door's identity, which its containers bear as a label
  std::string host = "unix:///var/run/docker.sock";  // or tcp://, http://, https://host:port
  std::string image;
  uint16_t port = 0;                               // the backend's, inside the container
  std::vector<std::string> command;                // empty: the image's own
  std::map<std::string, std::string> environment;  // beside PORT and FLASKSCALE_INSTANCE
  std::string network;                             // a name; empty: the engine's default bridge
  std::string publish;        // an IP address of the engine's host; empty: the container's own
  uint64_t memory_bytes = 0;  // 0: no limit
  double cpus = 0;            // 0: no limit
  Duration stop_grace = std::chrono::seconds(10);  // stop signal to SIGKILL
  PullPolicy pull = PullPolicy::missing;
  std::string registry_auth;  // Docker's config.json; empty: $DOCKER_CONFIG, ~/.docker
};

// Whether these settings can work at all, without asking the engine or looking at state_dir. The
// error is one line without the pool's name.
Result<void> check(const DockerSettings& settings);

// Equal for settings whose containers are interchangeable as far as they say themselves: all but
// pool, state_dir, host, stop_grace, pull and registry_auth. The image counts by its name.
std::string fingerprint(const DockerSettings& settings);

}  // namespace flaskscale::scaler
