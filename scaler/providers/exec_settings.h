// How the exec provider of one pool drives whatever makes its instances.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/time.h"

namespace flaskscale::scaler {

// In the words of the commands {name}, {zone}, {pool} and {request_id} are replaced; their
// environment has FLASKSCALE_NAME, FLASKSCALE_ZONE, FLASKSCALE_POOL, FLASKSCALE_REQUEST_ID and
// FLASKSCALE_ACTION.
struct ExecSettings {
  std::string pool;
  std::vector<std::string> create;  // one run for each instance, as the next three
  std::vector<std::string> remove;
  std::vector<std::string> stop;  // this and `start` are both given or both empty
  std::vector<std::string> start;
  std::vector<std::string> list;
  Duration timeout = std::chrono::seconds(60);       // of each run
  Duration list_interval = std::chrono::seconds(5);  // at rest
  Duration list_interval_moving = std::chrono::seconds(1);
  std::string directory;                           // where they run; empty: as this program
  std::map<std::string, std::string> environment;  // beside this program's own
  std::vector<std::string> zones;                  // in order of preference; may be empty
};

}  // namespace flaskscale::scaler
