// The managed instance group in one zone.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "scaler/provider.h"
#include "scaler/providers/gce_api.h"
#include "scaler/providers/gce_lease.h"
#include "scaler/providers/gce_pending.h"
#include "scaler/providers/gce_request_ids.h"
#include "scaler/providers/gce_row_state.h"
#include "scaler/providers/gce_settings.h"

namespace flaskscale::scaler {

// What the group's list says is the truth; what is remembered here (operations under way,
// addresses, failures) only completes it and may be lost. Not thread-safe.
class GceGroup {
 public:
  // What of the settings concerns a group; may change.
  struct Ways {
    uint16_t port = 0;
    GceStandby standby = GceStandby::stop;
    Duration info_interval = std::chrono::seconds(30);  // how often the group itself is read
  };
  GceGroup(std::string pool, std::string zone, Ways ways, GceLease lease, GceClock clock);

  void apply(const Ways& ways) { ways_ = ways; }
  Result<std::vector<InstanceReport>> list(GceApi& api);
  Result<void> create(GceApi& api, const InstanceCall& call);
  Result<void> remove(GceApi& api, const InstanceCall& call);
  Result<void> stop(GceApi& api, const InstanceCall& call);
  Result<void> start(GceApi& api, const InstanceCall& call);

  const std::string& zone() const { return zone_; }

 private:
  struct Failure {
    Obstacle obstacle = Obstacle::other;
    std::string detail;
    Time until{};
  };
  struct Address {
    std::string id;
    std::string host;
  };

  Result<void> read_group(GceApi& api);
  void tend_lease(GceApi& api);
  // Why this group must not be changed by us, or nothing.
  Result<void> check_lease(GceApi& api);
  void warn_about(const GceGroupInfo& fresh, const std::string& refusal);
  void take(std::vector<GceRow> rows);
  void forget_the_gone();
  Result<void> read_addresses(GceApi& api);
  std::vector<InstanceReport> reports();
  InstanceReport report(const GceRow& row);
  std::set<std::string> names_on_standby() const;
  std::string_view used_id(const std::string& name) const;

  void settle(GceApi& api);
  void poll(GceApi& api, GcePending& pending);
  void conclude(GcePending& pending, const GceOperation& operation);
  void fail(const GcePending& pending, const std::vector<GceProblem>& problems);
  bool is_visible(const GcePending& pending) const;
  void await_pending(GceApi& api);

  Result<void> change(GceApi& api, GceVerb verb, const std::string& action_id,
                      const std::vector<std::string>& names,
                      const std::vector<std::string>& instances);
  Result<void> change_by_url(GceApi& api, GceVerb verb, const std::string& action_id,
                             const std::vector<std::string>& names);
  using Change = Result<void> (GceGroup::*)(GceApi&, const InstanceCall&);
  Result<void> change_what_fits(GceApi& api, const InstanceCall& call, Change ask);
  Result<void> stop_what_runs(GceApi& api, const InstanceCall& call);
  Result<void> start_what_is_off(GceApi& api, const InstanceCall& call);
  Result<void> sort_out_taken_names(GceApi& api, const std::vector<std::string>& names);
  void expect_no_longer(const std::vector<std::string>& names);

  const std::string pool_;
  const std::string zone_;
  const GceClock clock_;
  Ways ways_;
  GceLease lease_;
  int lease_refusals_ = 0;  // in a row
  GceRequestIds request_ids_;
  std::optional<GceGroupInfo> info_;
  Time info_read_at_{};
  bool changed_since_info_ = false;
  bool autoscalers_looked_for_ = false;
  std::string autoscaler_;  // found by its target
  std::string refusal_;     // why nothing may be made here; empty: nothing speaks against it
  std::map<std::string, GceRow> rows_;
  std::map<std::string, Address> addresses_;
  std::map<std::string, std::string> used_ids_;
  std::map<std::string, Time> off_since_;
  std::set<std::string> stopped_by_us_;
  std::vector<GcePending> pending_;
  std::map<std::string, Failure> failures_;  // by instance name
};

// Why instances can't be made by name in this group: its update policy, an autoscaler. Empty:
// nothing speaks against it.
std::string refusal_of(const GceGroupInfo& info, const std::string& group, const std::string& zone);

}  // namespace flaskscale::scaler
