// `flaskscale simulate`: what a pool's scaling would have done with a recorded load, and cost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/config/model.h"

namespace flaskscale::server {

// As given on the command line.
struct SimulateOptions {
  std::string trace;
  std::string pool;  // empty: the only one that has scaling
  double scale = 1;
  std::string service_time;  // "200ms" (mean of exponential times) or "constant:200ms"; empty: the
                             // pool's service_time_estimate
  std::string boot = "40s..80s";
  std::string slo_wait = "500ms";
  double price = 0.05;  // of an instance-hour
  uint64_t seed = 1;
  double boot_failures = 0;            // share
  std::vector<std::string> stockouts;  // "2h..3h", from the start
  std::string delete_time = "0s";
  std::string html;  // where the page goes; empty: nowhere
  bool json = false;
};

// What goes to standard output. An invalid_argument or not_found error is the user's: it says what
// is wrong where, and what to do. Blocks for seconds.
Result<std::string> simulate(const config::Model& model, const std::string& config_path,
                             const SimulateOptions& options);

}  // namespace flaskscale::server
