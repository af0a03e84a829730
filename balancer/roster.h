// The backends of one pool by address, with all that is known of each, and the slots that follow
// from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "balancer/backend.h"
#include "balancer/backend_set.h"
#include "balancer/health_state.h"
#include "balancer/load_block.h"
#include "balancer/outlier_state.h"
#include "balancer/settings.h"
#include "balancer/slot_ramp.h"
#include "base/time.h"

namespace flaskscale::balancer {

struct BackendRecord {
  std::shared_ptr<Backend> backend;  // shared with idle connections to it
  HealthState health;
  SlotRamp ramp;
  OutlierState outlier;
  bool drained_by_operator = false;
  Time up_since{};

  bool may_serve() const { return health.is_up() && !drained_by_operator; }
};

// Guarded by the pool's mutex.
class Roster {
 public:
  using Records = std::map<std::string, BackendRecord, std::less<>>;

  struct Change {
    bool capacity_rose = false;  // somebody's limit is higher than before
    bool set_changed = false;    // other backends may be picked than before
  };

  Roster() = default;
  Roster(const Roster&) = delete;
  Roster& operator=(const Roster&) = delete;

  const Records& records() const { return records_; }
  BackendRecord* find(const std::string& address);
  // The address is not there yet. The id is new.
  BackendRecord& add(uint64_t id, const std::string& address, uint32_t weight);
  // No take succeeds from now on. The backend is kept until what is in flight there has ended.
  void remove(const std::string& address);
  // Returns the in-flight count it left; no take succeeds from now on.
  uint32_t drain(BackendRecord& record, Time now, Duration limit);
  void undrain(BackendRecord& record);
  // Returns true if that changed what is thought of it.
  bool on_probe(BackendRecord& record, bool good, const PoolSettings& settings, Time now);
  // Returns false if it may not be ejected (not serving, not there any more, or too many are
  // already).
  bool eject(const Backend& backend, const PoolSettings& settings, Time now);
  // Nothing is taken any more, whatever happens.
  void close() { closed_ = true; }

  // Makes limits and life of every backend what they should be now. To be called after every change
  // above and as time passes.
  Change settle(const PoolSettings& settings, Time now);
  // Lets go of removed backends that have nothing in flight any more.
  void reap();

  std::shared_ptr<const BackendSet> make_set(const PoolSettings& settings) const;
  // A backend serves, or may still prove to.
  bool can_serve(uint32_t fall) const;
  bool has_free_slot() const;
  size_t usable() const { return usable_; }  // backends whose limit is above 0
  double slots() const { return slots_; }    // the sum of the limits

 private:
  uint32_t limit_for(const BackendRecord& record, const PoolSettings& settings, Time now) const;
  void settle_ejections(const PoolSettings& settings, Time now);
  void settle_unlimited_ramps(const PoolSettings& settings);
  static size_t allowed_ejections(size_t serving, double share);

  Records records_;
  std::vector<std::shared_ptr<Backend>> leaving_;  // removed, with requests in flight
  std::vector<std::shared_ptr<LoadBlock>> blocks_;
  size_t usable_ = 0;
  double slots_ = 0;
  bool closed_ = false;
  bool set_changed_ = false;  // since the last settle
};

}  // namespace flaskscale::balancer
