// What the Compute Engine API tells, as far as it is needed here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace flaskscale::scaler {

// One of error.errors[] of an operation, or of a managed instance's last attempt.
struct GceProblem {
  std::string code;     // "ZONE_RESOURCE_POOL_EXHAUSTED"
  std::string message;  // for people
  std::string reason;   // of its errorInfo: "resource_availability"; may be empty
};

// A managed instance group in one zone. URLs are kept from "projects/" on, since the hosts before
// it vary.
struct GceGroupInfo {
  std::vector<std::string> templates;  // what new instances are made from, the first by default
  std::string update_type;             // PROACTIVE, OPPORTUNISTIC
  std::string replacement_method;      // RECREATE, SUBSTITUTE
  std::string autoscaler;              // empty: none
  std::string base_name;
  std::string description;
  std::string fingerprint;
  std::string paging;  // PAGELESS, PAGINATED
  std::vector<std::pair<std::string, int64_t>> named_ports;
  int64_t target_size = 0;
  int64_t target_stopped = 0;  // or suspended
  bool repairs = true;         // the group makes failed instances anew by itself
};

// A managed instance. Words that are not known are kept as they are.
struct GceRow {
  std::string name;
  std::string id;  // empty: no machine yet
  std::string status;
  std::string action;
  std::string template_url;   // from "projects/" on
  std::string target_status;  // "RUNNING", "STOPPED", "SUSPENDED"; empty: not told
  bool has_url = false;
  std::vector<GceProblem> problems;  // of the last attempt
};

// A machine.
struct GceMachine {
  std::string name;
  std::string id;
  std::string address;  // its first interface's internal one; may be empty
};

struct GceOperation {
  std::string name;
  bool done = false;
  int64_t http_status = 0;           // of a failure
  std::vector<GceProblem> problems;  // done, with these: it failed
};

}  // namespace flaskscale::scaler
