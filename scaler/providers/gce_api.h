// The methods of the Compute Engine API that are needed, as the discovery document has them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "scaler/providers/gce_model.h"
#include "scaler/providers/gce_transport.h"

namespace flaskscale::scaler {

// What changes a group's instances.
enum class GceVerb : uint8_t { create, remove, stop, suspend, start, resume };
std::string_view to_string(GceVerb verb);  // "createInstances" …

// Not thread-safe. A list that fails on any page is an error as a whole.
class GceApi {
 public:
  GceApi(GceTransport& transport, std::string project, std::string group)
      : transport_(transport), project_(std::move(project)), group_(std::move(group)) {}

  Result<GceGroupInfo> group(const std::string& zone);
  Result<std::vector<GceRow>> rows(const std::string& zone);
  // Those of the machines with these names that exist; `names` are not empty.
  Result<std::vector<GceMachine>> machines(const std::string& zone,
                                           const std::vector<std::string>& names);
  // The names of autoscalers that target the group.
  Result<std::vector<std::string>> autoscalers(const std::string& zone);

  // At most kMostAtOnce instances: their names, or their URLs (see url_of). The reply is an
  // operation under way; its end says that the work is scheduled, not that it is done.
  static constexpr size_t kMostAtOnce = 1000;
  Result<GceOperation> change(GceVerb verb, const std::string& zone,
                              const std::vector<std::string>& instances,
                              const std::string& request_id);
  Result<GceOperation> operation(const std::string& zone, const std::string& name);
  // Compare and swap by `fingerprint`; a stale one is `misconfigured` (412).
  Result<GceOperation> describe(const std::string& zone, const std::string& fingerprint,
                                const std::string& description, const std::string& request_id);

  // For the check: nothing is read but whether they answer.
  Result<void> look_at_zone(const std::string& zone);
  Result<void> look_at_machines(const std::string& zone);
  Result<void> look_at_operations(const std::string& zone);
  Result<void> look_at_template(const std::string& path);

  // "zones/us-central1-a/instances/shop-x7"
  static std::string url_of(const std::string& zone, const std::string& name);
  const std::string& project() const { return project_; }
  const std::string& group_name() const { return group_; }
  // From "projects/" on.
  std::string group_path(const std::string& zone) const;

 private:
  std::string zone_path(const std::string& zone) const;
  // Calls `on_item` for each object in the field `items` of each page.
  Result<void> read_pages(GceRequest request, const char* items,
                          const std::function<void(const nlohmann::json&)>& on_item);
  Result<GceOperation> start_operation(const GceRequest& request);

  GceTransport& transport_;
  const std::string project_;
  const std::string group_;
};

}  // namespace flaskscale::scaler
