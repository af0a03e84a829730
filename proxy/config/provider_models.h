// The tables of the providers of instances, as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace flaskscale::config {

enum class ProviderKind : uint8_t { process, docker, gce, exec };
std::string_view to_string(ProviderKind kind);

using Variables = std::map<std::string, std::string>;

struct ProcessProviderModel {
  std::vector<std::string> command;  // "{address}", "{host}" and "{port}" are replaced
  std::string directory;             // resolved against the configuration file's folder
  Variables environment;
  Duration stop_grace = std::chrono::seconds(10);  // SIGTERM to SIGKILL
  bool operator==(const ProcessProviderModel&) const = default;
};

enum class PullPolicy : uint8_t { missing, always, never };

struct DockerProviderModel {
  std::string host = "unix:///var/run/docker.sock";  // or "tcp://host:port"
  std::string image;
  uint32_t port = 0;                 // that the application listens on within the container
  std::vector<std::string> command;  // empty: the image's own
  Variables environment;
  std::string network;  // empty: the engine's default
  std::string publish;  // address of this machine; empty: the container's own address is used
  uint64_t memory = 0;  // bytes; 0: no limit
  double cpus = 0;      // 0: no limit
  Duration stop_grace = std::chrono::seconds(10);
  PullPolicy pull = PullPolicy::missing;
  std::string registry_auth;  // a Docker config.json; empty: that of the user
  bool operator==(const DockerProviderModel&) const = default;
};

enum class StandbyMode : uint8_t { stop, suspend };

struct GceProviderModel {
  std::string project;             // empty: from the metadata server
  std::vector<std::string> zones;  // in order of preference, not empty
  std::string group;               // name of the managed instance group in each zone
  uint32_t port = 0;
  std::string credentials;        // file of a service account's key; empty: the metadata server
  std::string access_token_file;  // a file that holds an access token, kept fresh by others
  std::string endpoint;           // empty: Google's own
  std::string ca_file;            // empty: the system's certificates
  StandbyMode standby_mode = StandbyMode::stop;
  uint32_t calls_per_minute = 120;
  Duration list_interval = std::chrono::seconds(10);  // at rest
  Duration list_interval_moving = std::chrono::seconds(2);
  bool operator==(const GceProviderModel&) const = default;
};

struct ExecProviderModel {
  std::vector<std::string> create;
  std::vector<std::string> list;
  std::vector<std::string> remove;  // key "delete"
  std::vector<std::string> stop;    // this and `start`: both or none
  std::vector<std::string> start;
  Duration timeout = std::chrono::seconds(60);
  Duration list_interval = std::chrono::seconds(5);  // at rest
  Duration list_interval_moving = std::chrono::seconds(1);
  std::string directory;  // resolved against the configuration file's folder
  Variables environment;
  std::vector<std::string> zones;  // in order of preference; empty: there are none
  bool operator==(const ExecProviderModel&) const = default;
};

}  // namespace flaskscale::config
