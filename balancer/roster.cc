#include "balancer/roster.h"

#include <algorithm>
#include <utility>

namespace flaskscale::balancer {
namespace {

// Not secret, and never another: several front doors must put a key at the same backend.
constexpr HashKey kRingKey = {0x666c61736b736361ULL, 0x6c652d72696e6730ULL};

}  // namespace

BackendRecord* Roster::find(const std::string& address) {
  const auto found = records_.find(address);
  return found == records_.end() ? nullptr : &found->second;
}

BackendRecord& Roster::add(uint64_t id, const std::string& address, uint32_t weight) {
  auto backend = std::make_shared<Backend>(id, address, weight);
  for (const auto& block : blocks_) {
    if (block->find_vacant() == LoadBlock::kCells) continue;
    backend->block_ = block;
    break;
  }
  if (!backend->block_) {
    backend->block_ = blocks_.emplace_back(std::make_shared<LoadBlock>());
    if (blocks_.size() > 1) {
      for (const auto& block : blocks_) block->keep_lower_bound();
    }
  }
  backend->cell_ = backend->block_->find_vacant();
  backend->block_->occupy(backend->cell_, backend.get(), id, backend->weight());
  backend->has_cell_.store(true, std::memory_order_release);
  BackendRecord& record = records_[address];
  record.backend = std::move(backend);
  return record;
}

void Roster::remove(const std::string& address) {
  const auto found = records_.find(address);
  if (found == records_.end()) return;
  std::shared_ptr<Backend> backend = std::move(found->second.backend);
  records_.erase(found);
  if (backend->limit() > 0) set_changed_ = true;
  backend->block_->set_limit(backend->cell_, 0);
  backend->life_.store(Life::gone, std::memory_order_relaxed);
  backend->up_.store(false, std::memory_order_relaxed);
  leaving_.push_back(std::move(backend));
}

uint32_t Roster::drain(BackendRecord& record, Time now, Duration limit) {
  record.drained_by_operator = true;
  Backend& backend = *record.backend;
  backend.drain_begins_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  backend.drain_ends_.store((now + limit).time_since_epoch().count(), std::memory_order_relaxed);
  if (backend.limit() > 0) set_changed_ = true;
  backend.life_.store(Life::draining, std::memory_order_relaxed);
  return backend.block_->set_limit(backend.cell_, 0);
}

void Roster::undrain(BackendRecord& record) {
  record.drained_by_operator = false;
  record.ramp.finish();  // it is warm
}

bool Roster::on_probe(BackendRecord& record, bool good, const PoolSettings& settings, Time now) {
  const bool was_unverified = record.health.is_unverified(settings.health_fall);
  if (!record.health.on_probe(good, settings.health_rise, settings.health_fall)) {
    return was_unverified != record.health.is_unverified(settings.health_fall);
  }
  record.ramp.finish();
  record.backend->failures_in_a_row_.store(0, std::memory_order_relaxed);
  record.backend->connect_failures_in_a_row_.store(0, std::memory_order_relaxed);
  if (!record.health.is_up()) return true;
  record.up_since = now;
  const bool others_serve = std::any_of(records_.begin(), records_.end(), [&](const auto& other) {
    return &other.second != &record && other.second.may_serve();
  });
  if (others_serve) record.ramp.start(now);
  return true;
}

size_t Roster::allowed_ejections(size_t serving, double share) {
  if (serving == 0) return 0;
  const double by_share = std::clamp(share, 0.0, 1.0) * static_cast<double>(serving);
  return std::min(static_cast<size_t>(by_share), serving - 1);
}

bool Roster::eject(const Backend& backend, const PoolSettings& settings, Time now) {
  BackendRecord* record = find(backend.address());
  if (record == nullptr || record->backend.get() != &backend) return false;
  if (!record->may_serve() || record->outlier.is_ejected()) return false;
  size_t serving = 0;
  size_t ejected = 0;
  for (const auto& [address, other] : records_) {
    if (!other.may_serve()) continue;
    ++serving;
    if (other.outlier.is_ejected()) ++ejected;
  }
  if (ejected >= allowed_ejections(serving, settings.eject_max_share)) return false;
  record->outlier.eject(settings.eject_base, settings.eject_max, now);
  record->backend->failures_in_a_row_.store(0, std::memory_order_relaxed);
  record->backend->connect_failures_in_a_row_.store(0, std::memory_order_relaxed);
  return true;
}

// Backends that go down, drain or leave make the ejected ones a larger share: those end first that
// would have ended soonest.
void Roster::settle_ejections(const PoolSettings& settings, Time now) {
  size_t serving = 0;
  std::vector<BackendRecord*> ejected;
  for (auto& [address, record] : records_) {
    if (record.outlier.is_ejected() && now >= record.outlier.ends_at()) record.outlier.end(now);
    if (!record.may_serve()) continue;
    ++serving;
    if (record.outlier.is_ejected()) ejected.push_back(&record);
  }
  const size_t allowed = allowed_ejections(serving, settings.eject_max_share);
  if (ejected.size() <= allowed) return;
  std::sort(ejected.begin(), ejected.end(), [](const BackendRecord* a, const BackendRecord* b) {
    return a->outlier.ends_at() < b->outlier.ends_at();
  });
  for (size_t i = 0; i < ejected.size() - allowed; ++i) ejected[i]->outlier.end(now);
}

// A pool without slot limits never queues: when only ramping backends are left, they take
// everything.
void Roster::settle_unlimited_ramps(const PoolSettings& settings) {
  if (settings.slots != kUnlimitedSlots) return;
  for (const auto& [address, record] : records_) {
    if (record.may_serve() && !record.outlier.is_ejected() && !record.ramp.is_running()) return;
  }
  for (auto& [address, record] : records_) record.ramp.finish();
}

uint32_t Roster::limit_for(const BackendRecord& record, const PoolSettings& settings,
                           Time now) const {
  if (closed_ || !record.may_serve() || record.outlier.is_ejected()) return 0;
  return record.ramp.limit(settings.slots, settings.slow_start, now);
}

Roster::Change Roster::settle(const PoolSettings& settings, Time now) {
  settle_ejections(settings, now);
  settle_unlimited_ramps(settings);
  Change change;
  usable_ = 0;
  slots_ = 0;
  for (auto& [address, record] : records_) {
    Backend& backend = *record.backend;
    const uint32_t before = backend.limit();
    const uint32_t limit = limit_for(record, settings, now);
    if (limit == settings.slots) record.ramp.finish();
    if (limit != before) backend.block_->set_limit(backend.cell_, limit);
    change.capacity_rose |= limit > before;
    set_changed_ |= (limit > 0) != (before > 0);
    if (limit > 0) ++usable_;
    slots_ += static_cast<double>(limit);

    const Life awake = record.ramp.is_running() ? Life::warming : Life::ready;
    const Life by_health = record.health.is_up() ? awake : Life::booting;
    backend.life_.store(record.drained_by_operator ? Life::draining : by_health,
                        std::memory_order_relaxed);
    backend.up_.store(record.health.is_up(), std::memory_order_relaxed);
    backend.ejected_.store(record.outlier.is_ejected(), std::memory_order_relaxed);
  }
  change.set_changed = std::exchange(set_changed_, false);
  return change;
}

void Roster::reap() {
  std::erase_if(leaving_, [](const std::shared_ptr<Backend>& backend) {
    if (backend->in_flight() > 0) return false;
    backend->has_cell_.store(false, std::memory_order_release);
    backend->block_->vacate(backend->cell_);
    return true;
  });
}

std::shared_ptr<const BackendSet> Roster::make_set(const PoolSettings& settings) const {
  std::vector<BackendSet::Member> members;
  members.reserve(records_.size());
  for (const auto& [address, record] : records_) {
    const Backend& backend = *record.backend;
    if (backend.limit() == 0) continue;
    BackendSet::Member member{{backend.block_.get(), backend.cell_}, backend.weight(), 0, 0};
    if (settings.policy == Policy::consistent_hash) {
      member.ring_name = keyed_hash(kRingKey, address);
    }
    if (settings.sticky_key) member.sticky_name = keyed_hash(*settings.sticky_key, address);
    members.push_back(member);
  }
  return std::make_shared<const BackendSet>(settings.policy, members);
}

bool Roster::can_serve(uint32_t fall) const {
  return std::any_of(records_.begin(), records_.end(), [&](const auto& entry) {
    const BackendRecord& record = entry.second;
    return !record.drained_by_operator &&
           (record.health.is_up() || record.health.is_unverified(fall));
  });
}

bool Roster::has_free_slot() const {
  return std::any_of(records_.begin(), records_.end(), [](const auto& entry) {
    const Backend& backend = *entry.second.backend;
    return backend.block_->is_free(backend.cell_);
  });
}

}  // namespace flaskscale::balancer
