// The hooks of one pool: each gets every event.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "proxy/config/model.h"
#include "proxy/server/event_hook.h"
#include "scaler/event.h"

namespace flaskscale::server {

// Control loop only; never blocks.
class PoolHooks final : public scaler::EventSink {
 public:
  using MakeTarget = std::function<std::unique_ptr<HookTarget>(const config::HookModel& hook)>;

  // `random` seeds what tells this run's events from those of others; `source` names the machine.
  PoolHooks(std::string source, MakeTarget make_target, Random random);

  // A reload: a hook that stays keeps what waits; one that goes delivers it within a bound.
  void apply(const std::vector<config::HookModel>& hooks);
  void on_event(const scaler::Event& event) override;

  // No event comes any more; what waits is delivered within `patience`.
  void finish(Duration patience);
  // Forgets the hooks that have gone; true: none is left that still delivers. After finish(), that
  // is the end.
  bool is_finished();

  const HookCounts& counts() const { return *counts_; }
  bool has_hooks() const { return !hooks_.empty(); }

 private:
  struct Hook {
    config::HookModel model;
    std::unique_ptr<EventHook> hook;
  };

  const std::string source_;
  const MakeTarget make_target_;
  Random random_;
  const std::string run_;  // of the ids: this run's
  uint64_t last_number_ = 0;
  const std::shared_ptr<HookCounts> counts_ = std::make_shared<HookCounts>();
  std::vector<Hook> hooks_;
  std::vector<std::unique_ptr<EventHook>> leaving_;
};

// The target that is configured.
std::unique_ptr<HookTarget> make_hook_target(const config::HookModel& hook);

}  // namespace flaskscale::server
