// Checks requests and responses against the discovery document.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tests/support/gce/api_url.h"
#include "tests/support/gce/discovery.h"
#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

using Problems = std::vector<std::string>;  // sentences; empty: all is well

// One thread.
class SchemaCheck {
 public:
  explicit SchemaCheck(std::shared_ptr<const Discovery> discovery);

  // Path variables, query and body of a call of this method.
  Problems request(const ApiMethod& method, const std::map<std::string, std::string>& variables,
                   const ApiUrl& url, const std::string& body);
  Problems response(const ApiMethod& method, const Json& body);
  // Any value against a schema of the document.
  Problems value(const Json& value, const std::string& schema);

 private:
  void check_parameters(const ApiMethod& method,
                        const std::map<std::string, std::string>& variables, const ApiUrl& url,
                        Problems& problems);
  void check_parameter(const std::string& name, const std::string& text, const Json& description,
                       Problems& problems);
  void check(const Json& value, const Json& schema, const std::string& where, Problems& problems);
  void check_object(const Json& value, const Json& schema, const std::string& where,
                    Problems& problems);
  void check_string(const std::string& text, const Json& schema, const std::string& where,
                    Problems& problems);
  bool fits_pattern(const std::string& pattern, const std::string& text);

  std::shared_ptr<const Discovery> discovery_;
  std::string method_;                       // whose request is being checked; empty: none
  std::unordered_set<std::string> fitting_;  // pattern and text that are known to fit; bounded
};

}  // namespace flaskscale::emulator
