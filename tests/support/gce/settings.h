// Everything about the emulated cloud that a test may choose.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

// Seconds of simulated time; each drawn within ± jitter of its value.
struct Timings {
  double create_delay = 1;
  double provisioning = 3;
  double staging = 5;
  double boot = 10;
  double pull = 8;  // of the image; not after a start or a resume
  double start = 4;
  double resume = 4;
  double stopping = 8;   // an orderly stop of a machine whose program ends in time
  double shutdown = 30;  // the longest that its program gets
  double suspending = 6;
  double retry = 30;  // between two tries to create or start a machine
  double notice_least = 5;
  double notice_most = 20;  // until the group sees that a machine is gone
  double abandon = 1;
  double suspended_most = 60.0 * 86'400;
  double operation_pending = 0.2;
  double operation_running = 1;
  double operation_kept = 14.0 * 86'400;
  double request_id_kept = 3600;
  double wait_most = 120;
  double wait_early_share = 0.1;  // of the waits: come back early at random
  double jitter = 0.1;            // a share
};

enum class UrlHosts : uint8_t { mixed, one, self };
enum class Collision : uint8_t { operation, http, last_attempt };

struct Settings {
  std::string project = "shop-project";
  uint64_t project_number = 123'456'789'012;
  std::vector<std::string> zones = {"us-central1-a"};
  std::string group = "shop";
  std::string template_name = "shop-v1";
  uint32_t size = 0;  // machines that are there and serve from the begin, per group
  uint64_t seed = 1;
  double rate = 1;  // simulated seconds per second of the client

  Timings timings;
  std::map<std::string, std::optional<uint32_t>> capacity_left;  // by zone; none: no limit
  std::optional<uint32_t> instances_left;                        // of the project's quota
  uint32_t requests_per_minute = 1500;                           // minutes of the client
  double token_seconds = 3599;                                   // seconds of the client
  UrlHosts url_hosts = UrlHosts::mixed;
  std::string api_base = "https://compute.googleapis.com/compute/v1/";  // of UrlHosts::self
  bool extra = false;        // unknown fields and enum values in responses
  bool check_all = true;     // every response against its schema; else each 50th
  bool authenticate = true;  // else every call is allowed
  Collision collision = Collision::operation;
  Collision foreign_collision = Collision::operation;
  bool new_address_on_repair = true;
  int request_id_conflict = 409;
  std::vector<std::string> scopes = {"https://www.googleapis.com/auth/cloud-platform"};
  std::vector<std::string> permissions = least_permissions();

  // The custom role that is meant for FlaskScale.
  static std::vector<std::string> least_permissions();

  // Takes the members that are there. An unknown name or a wrong type: a sentence about it.
  std::optional<std::string> merge(const Json& changes);
  Json to_json() const;
};

}  // namespace flaskscale::emulator
