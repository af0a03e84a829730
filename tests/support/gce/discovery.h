// Google's description of its Compute Engine API: methods and schemas.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

struct ApiMethod {
  std::string id;    // "compute.instances.get"
  std::string verb;  // "GET"
  std::string path;  // "projects/{project}/zones/{zone}/instances/{instance}"
  std::vector<std::string> segments;
  const Json* parameters = nullptr;  // name → description
  std::string request;               // schema names; empty: no body
  std::string response;
};

// Immutable after loading.
class Discovery {
 public:
  static Result<std::shared_ptr<const Discovery>> load(const std::string& file);

  // The method of this verb whose path fits, its variables in `variables`; null: none. `segments`
  // are those after "/compute/v1/".
  const ApiMethod* find(std::string_view verb, const std::vector<std::string>& segments,
                        std::map<std::string, std::string>& variables) const;
  const ApiMethod* method(std::string_view id) const;
  const std::vector<ApiMethod>& methods() const { return methods_; }
  // Parameters that every method takes.
  const Json& common_parameters() const { return common_; }
  // The schema must exist: the document has no dangling reference.
  const Json& schema(const std::string& name) const;

 private:
  Discovery() = default;
  Result<void> read(Json document);

  Json document_;
  Json common_;
  std::vector<ApiMethod> methods_;
};

}  // namespace flaskscale::emulator
