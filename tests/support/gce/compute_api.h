// The methods of the Compute Engine API over the emulated cloud.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/gce/api_error.h"
#include "tests/support/gce/api_url.h"
#include "tests/support/gce/discovery.h"
#include "tests/support/gce/fault_table.h"
#include "tests/support/gce/group_keeper.h"
#include "tests/support/gce/json.h"
#include "tests/support/gce/operation_table.h"
#include "tests/support/gce/request_ids.h"
#include "tests/support/gce/resource_writer.h"

namespace flaskscale::emulator {

// One call whose form is right.
struct ApiCall {
  const ApiMethod* method = nullptr;
  std::map<std::string, std::string> variables;
  const ApiUrl* url = nullptr;
  Json body;
  std::string text;  // the body as it came
  FaultHits hits;

  std::string variable(const std::string& name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  }
};

struct ApiAnswer {
  Json body;
  std::optional<ApiError> error;
  // A call that waits for this operation: its answer is to be asked for again when it is done.
  std::string awaited;
  std::string awaited_scope;

  ApiAnswer(Json answer) : body(std::move(answer)) {}         // NOLINT: converts
  ApiAnswer(ApiError failure) : error(std::move(failure)) {}  // NOLINT: converts
};

// The references are borrowed.
class ComputeApi {
 public:
  ComputeApi(Settings& settings, Timeline& timeline, MachinePark& park, GroupKeeper& keeper,
             OperationTable& operations, RequestIds& request_ids, ResourceWriter& writer);

  ApiAnswer answer(const ApiCall& call);
  const Operation* operation(const std::string& scope, const std::string& name) {
    return operations_.find(scope, name);
  }

  std::set<std::string>& templates() { return templates_; }
  std::set<std::string>& removed_zones() { return removed_zones_; }

 private:
  using Handler = ApiAnswer (ComputeApi::*)(const ApiCall&);
  using GroupHandler = ApiAnswer (ComputeApi::*)(const ApiCall&, Group&);
  using Names = GroupKeeper::Names;

  std::optional<ApiError> check_place(const ApiCall& call) const;
  ApiAnswer answer_once(const ApiCall& call);
  Handler handler(const std::string& method) const;
  GroupHandler group_handler(const std::string& verb) const;

  // Groups.
  ApiAnswer on_group(const ApiCall& call, const std::string& verb);
  ApiAnswer group_get(const ApiCall& call, Group& group);
  ApiAnswer group_list(const ApiCall& call);
  ApiAnswer group_aggregated(const ApiCall& call);
  ApiAnswer group_errors(const ApiCall& call, Group& group);
  ApiAnswer group_members(const ApiCall& call, Group& group);
  ApiAnswer group_create(const ApiCall& call, Group& group);
  ApiAnswer group_delete(const ApiCall& call, Group& group);
  ApiAnswer group_abandon(const ApiCall& call, Group& group);
  ApiAnswer group_recreate(const ApiCall& call, Group& group);
  ApiAnswer group_apply(const ApiCall& call, Group& group);
  ApiAnswer group_stop(const ApiCall& call, Group& group);
  ApiAnswer group_start(const ApiCall& call, Group& group);
  ApiAnswer group_resize(const ApiCall& call, Group& group);
  ApiAnswer group_patch(const ApiCall& call, Group& group);
  std::optional<ApiError> patch_policies(const Json& body, Group& group);
  // The members that `instances` of the body names.
  struct Chosen {
    Names names;
    std::optional<ApiError> error;
  };
  enum class Unfit : uint8_t { refused, skipped };
  Chosen chosen(const ApiCall& call, Group& group, Unfit unfit);
  Json rows_of(Group& group);

  // Machines and the rest.
  ApiAnswer machine_get(const ApiCall& call);
  ApiAnswer machine_list(const ApiCall& call);
  ApiAnswer machine_aggregated(const ApiCall& call);
  ApiAnswer machine_delete(const ApiCall& call);
  ApiAnswer machine_stop(const ApiCall& call);
  ApiAnswer machine_start(const ApiCall& call);
  ApiAnswer machine_suspend(const ApiCall& call);
  ApiAnswer machine_resume(const ApiCall& call);
  ApiAnswer machine_insert(const ApiCall& call);
  ApiAnswer machine_labels(const ApiCall& call);
  ApiAnswer machine_metadata(const ApiCall& call);
  ApiAnswer template_get(const ApiCall& call);
  ApiAnswer zone_get(const ApiCall& call);
  ApiAnswer region_get(const ApiCall& call);
  ApiAnswer autoscaler_get(const ApiCall& call);
  ApiAnswer autoscaler_list(const ApiCall& call);
  ApiAnswer operation_get(const ApiCall& call);
  ApiAnswer operation_wait(const ApiCall& call);
  ApiAnswer operation_list(const ApiCall& call);

  static ApiError not_found(const std::string& path);
  ApiError machine_not_found(const ApiCall& call) const;
  static ApiError invalid(std::string message);
  static std::string scope_of(const ApiCall& call);
  Machine* machine_of(const ApiCall& call);
  // `acts` runs unless a fault of the operation's forbids it.
  ApiAnswer begin(const ApiCall& call, std::string type, std::string target, uint64_t target_id,
                  const std::function<std::optional<Rejection>()>& acts);
  // Filters, spoils (by fault) and cuts the rows into a page.
  enum class Paging : uint8_t { on, off };
  ApiAnswer page(const ApiCall& call, const std::string& place, Json rows, const char* member,
                 Json frame, Paging paging);
  Json spoiled(const ApiCall& call, const std::string& place, Json rows);
  void remember(const std::string& place, const Json& rows);

  Settings& settings_;
  Timeline& timeline_;
  MachinePark& park_;
  GroupKeeper& keeper_;
  OperationTable& operations_;
  RequestIds& request_ids_;
  ResourceWriter& writer_;
  std::set<std::string> templates_;
  std::set<std::string> removed_zones_;
  // What lists have shown, by place, oldest first, for stale lists.
  std::map<std::string, std::deque<std::pair<double, std::shared_ptr<const Json>>>> history_;
};

}  // namespace flaskscale::emulator
