// What was called and answered: counters, violations of the API's schema, and a journal.
#pragma once

#include <cstdint>
#include <deque>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

struct CallRecord {
  double at = 0;         // simulated
  double client_at = 0;  // the client's seconds
  std::string method;    // id; "unknown" where no route fits
  std::string verb;
  std::string path;
  std::string query;
  std::string request;
  int status = 0;  // 0: no response
  std::string response;
  std::string fault;
};

class Ledger {
 public:
  // Every call is also appended to the file, one JSON object a line.
  Result<void> open_file(const std::string& path);
  // Bodies are kept or not.
  void keep_bodies(bool keep) { keeps_bodies_ = keep; }

  void add(CallRecord record);
  void add_violation(double at, const std::string& verb, const std::string& path,
                     const std::string& problem);
  // The emulator's own fault.
  void add_response_problem(double at, const std::string& method, const std::string& problem);

  uint64_t violations() const { return violations_; }
  uint64_t response_problems() const { return response_problems_; }
  uint64_t total() const { return total_; }
  uint64_t count(const std::string& method) const;
  uint32_t most_per_minute() const;

  Json calls() const;
  Json violations_json() const;
  Json journal(uint64_t since, const std::string& method_glob) const;
  void forget_calls();
  void forget_violations();

 private:
  struct Counts {
    uint64_t count = 0;
    std::map<int, uint64_t> statuses;
  };

  std::map<std::string, Counts> by_method_;
  std::vector<uint32_t> per_minute_;
  uint64_t total_ = 0;
  uint64_t numbered_ = 0;
  std::deque<Json> entries_;
  bool keeps_bodies_ = true;
  uint64_t violations_ = 0;
  uint64_t response_problems_ = 0;
  std::deque<Json> request_problems_;
  std::deque<Json> own_problems_;
  std::ofstream file_;
};

}  // namespace flaskscale::emulator
