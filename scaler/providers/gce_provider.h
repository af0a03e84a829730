// Instances that are virtual machines on Google Compute Engine, in one managed instance group per
// zone.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "scaler/check_finding.h"
#include "scaler/provider.h"
#include "scaler/providers/gce_api.h"
#include "scaler/providers/gce_clock.h"
#include "scaler/providers/gce_group.h"
#include "scaler/providers/gce_settings.h"
#include "scaler/providers/gce_token_source.h"
#include "scaler/providers/gce_transport.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

// Instances are created and deleted by name; the groups are never resized, and instances that the
// groups made by themselves (at their beginning, after somebody's resize) are this pool's like the
// others. Errors with
// Retry::always mean that the API could not be reached, is busy or asked for a pause: the same call
// may be repeated with the same request id. Others are judged by obstacle_of().
//
// A zone whose group is gone, or that alone has failed for a minute, is listed as it was last seen,
// so that the other zones go on; while no zone answers the list is an error. Destroying the
// provider leaves the machines alone.
//
// Notice of preemption is taken from the API only (leaving); an agent on the machine can make its
// health check fail earlier.
class GceProvider final : public Provider {
 public:
  GceProvider(GceSettings settings, std::unique_ptr<HttpClient> http,
              std::shared_ptr<GceTokenSource> tokens, Random random, const GceClock& clock = {});

  // A reload: counts from the next call on. Instances in a zone that is no longer named are listed
  // for as long as there are any. Any thread.
  void apply(GceSettings settings, std::shared_ptr<GceTokenSource> tokens);
  // What `flaskscale check --online` shows. Changes nothing; counts as a call.
  std::vector<CheckFinding> check_online();
  // Any thread: the call under way and all later ones end soon, with `cancelled`.
  void cancel() { transport_.cancel(); }

  Abilities abilities() const override;
  Result<void> create(const InstanceCall& call) override;
  Result<std::vector<InstanceReport>> list() override;
  Result<void> remove(const InstanceCall& call) override;
  Result<void> stop(const InstanceCall& call) override;
  Result<void> start(const InstanceCall& call) override;

 private:
  struct Zone {
    GceGroup group;
    bool is_configured = false;  // else it was, before a reload or a restart
    bool was_listed = false;
    std::vector<InstanceReport> last;
    std::optional<Time> failing_since;
  };

  void take_settings();
  void arrange_zones(const GceSettings& settings);
  Zone* find_zone(const std::string& name);  // null: there is none
  Zone& add_zone(const GceSettings& settings, const std::string& name);
  Result<void> find_project();
  Result<std::vector<InstanceReport>> list_zones();
  bool is_excused(const Zone& zone, const Error& error) const;
  using Change = Result<void> (GceGroup::*)(GceApi&, const InstanceCall&);
  Result<void> change(const InstanceCall& call, Change verb);

  const GceClock clock_;
  GceTransport transport_;
  std::optional<GceApi> api_;  // once the project is known
  GceSettings in_use_;
  std::vector<std::unique_ptr<Zone>> zones_;

  // What lists cost, in calls to the API; 0: none has been made.
  std::atomic<uint32_t> list_cost_ = 0;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  GceSettings settings_;
  std::shared_ptr<GceTokenSource> tokens_;
  bool settings_are_new_ = true;
};

}  // namespace flaskscale::scaler
