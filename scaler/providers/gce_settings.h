// How the instances of one pool are made on Google Compute Engine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace flaskscale::scaler {

// Where access tokens come from: the first of these that is set; none: the metadata server.
struct GceCredentials {
  std::string access_token_file;  // holds a bare token, read again for each call; for tests
  std::string key_file;           // a service account's key (JSON)
  std::string metadata_host = "metadata.google.internal";  // host[:port]
  // A key of maps: pools with the same share one source of tokens. (clang-tidy 14 takes the 0 that
  // the compiler compares with for a null pointer.)
  auto operator<=>(const GceCredentials&) const = default;  // NOLINT(modernize-use-nullptr)
};

// What becomes of an instance on standby.
enum class GceStandby : uint8_t { stop, suspend };

struct GceSettings {
  std::string pool;
  std::string project;             // id or number; empty: the metadata server's, or the key's
  std::vector<std::string> zones;  // in order of preference, at least one, none twice
  std::string group;               // the managed instance group's name, the same in each zone
  uint16_t port = 0;               // of the backend on each instance
  GceCredentials credentials;
  std::string endpoint = "https://compute.googleapis.com/compute/v1/";
  std::string ca_file;  // for the HttpClient's maker: PEM; empty: the system's
  GceStandby standby_mode = GceStandby::stop;
  // Who we are in the group's lease: a random word kept in state_dir, so that two programs with two
  // state_dirs don't both act on one group. Empty: no lease is taken and none heeded.
  std::string owner;
  uint32_t calls_per_minute = 120;  // at most this many calls to the API by this pool, >= 10
  // How often to list, at rest and while something moves; less often where the budget of calls
  // would not do. 200 ms to 10 min.
  Duration list_interval = std::chrono::seconds(10);
  Duration list_interval_moving = std::chrono::seconds(2);
};

// Fills in what the configuration left open from GOOGLE_APPLICATION_CREDENTIALS (unless a key or a
// token file is named) and GCE_METADATA_HOST. `variable` gives a variable's value, null without it.
void complete_from_environment(GceSettings& settings,
                               const std::function<const char*(const char*)>& variable);

// What is wrong with the settings by themselves, one line each ("zones: …"); empty: nothing.
std::vector<std::string> problems_of(const GceSettings& settings);

// RFC 1035, as names of groups, zones and instances are.
bool is_gce_name(std::string_view name);

}  // namespace flaskscale::scaler
