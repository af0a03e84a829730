// What is said to a Docker engine, and what it answers, as values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "scaler/providers/docker_settings.h"

namespace flaskscale::scaler {

// Labels of every container that we make.
inline constexpr std::string_view kDockerPoolLabel = "flaskscale.pool";
inline constexpr std::string_view kDockerFrontDoorLabel = "flaskscale.front_door";
inline constexpr std::string_view kDockerVersionLabel = "flaskscale.version";
inline constexpr std::string_view kDockerPortLabel = "flaskscale.port";

enum class DockerState : uint8_t { created, running, paused, restarting, removing, exited, dead };

// One line of the engine's list.
struct DockerContainer {
  std::string id;
  std::string name;
  DockerState state = DockerState::created;
  std::string address;  // "host:port" of its backend; empty while it has none
  std::map<std::string, std::string, std::less<>> labels;
};

struct DockerInspection {
  std::string id;
  DockerState state = DockerState::created;
  int exit_code = 0;
  bool out_of_memory = false;
  std::string error;        // of its start
  std::string stop_signal;  // "SIGTERM" unless the image names another
  std::map<std::string, std::string, std::less<>> labels;
};

struct DockerVersion {
  std::string engine;   // "20.10.24"
  std::string highest;  // of the API: "1.41"
  std::string lowest;
};

// What this program knows to speak. Throughout these all fields that are used here are the same.
inline constexpr std::string_view kDockerLowestApi = "1.40";
inline constexpr std::string_view kDockerHighestApi = "1.47";

// The version that both sides speak; `unsupported` when there is none.
Result<std::string> choose_docker_api(const DockerVersion& version);

// The body of a create request. `labels` come from docker_labels().
std::string docker_create_body(const DockerSettings& settings, const std::string& name,
                               const std::map<std::string, std::string>& labels);
std::map<std::string, std::string> docker_labels(const DockerSettings& settings,
                                                 const std::string& front_door,
                                                 const std::string& version);
// The filter for the list: both labels must match.
std::string docker_list_filter(const std::string& pool, const std::string& front_door);

// Bodies of answers. Fields of a wrong type count as absent; `bad_message` when nothing can be
// made of it. `network` is preferred for the address.
Result<DockerVersion> parse_docker_version(std::string_view body);
Result<std::string> parse_docker_id(std::string_view body);
Result<std::vector<DockerContainer>> parse_docker_list(std::string_view body,
                                                       const std::string& network);
Result<DockerInspection> parse_docker_inspection(std::string_view body);

// Control characters gone, line ends as " | ".
std::string in_one_line(std::string_view text);

// The text of a log in the engine's framing (or without one, from a container with a terminal),
// in one line, at most `most` bytes from its end.
std::string docker_log_text(std::string_view body, size_t most);

}  // namespace flaskscale::scaler
