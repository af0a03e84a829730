#include "proxy/server/pool_scaling.h"

#include <algorithm>
#include <utility>

#include "proxy/server/provider_journal.h"
#include "proxy/server/wall_time.h"

namespace flaskscale::server {
namespace {

scaler::Mode mode_of(config::ScalingMode mode) {
  switch (mode) {
    case config::ScalingMode::act:
      return scaler::Mode::act;
    case config::ScalingMode::scale_out_only:
      return scaler::Mode::scale_out_only;
    case config::ScalingMode::observe:
      return scaler::Mode::observe;
    case config::ScalingMode::off:
      return scaler::Mode::off;
  }
  return scaler::Mode::act;
}

}  // namespace

scaler::Policy scaling_policy(const config::PoolModel& pool) {
  const config::ScalingModel& scaling = *pool.scaling;
  scaler::Policy policy;
  policy.mode = mode_of(scaling.mode);
  policy.min = scaling.min;
  policy.max = scaling.max;
  policy.slots = pool.slots;
  policy.availability = scaling.availability;
  policy.drain_timeout = scaling.drain_timeout;
  policy.boot_timeout = scaling.boot_timeout;
  policy.idle_to_zero = scaling.idle_to_zero;
  policy.scale_in_window = scaling.scale_in_window;
  policy.scale_in_interval = scaling.scale_in_interval;
  policy.boot_estimate = scaling.boot_estimate;
  policy.service_time_estimate = scaling.service_time_estimate;
  policy.queue_timeout = pool.queue.timeout;
  policy.queue_limit = pool.queue.limit;
  for (const auto& entry : scaling.schedule) {
    policy.schedule.push_back({entry.cron, entry.duration, entry.min});
  }
  policy.standby = scaling.standby;
  return policy;
}

namespace {

bool creates(const config::PoolModel& pool) {
  return pool.scaling->mode == config::ScalingMode::act ||
         pool.scaling->mode == config::ScalingMode::scale_out_only;
}

}  // namespace

// Calls hold what they use: they may outlive the scaling.
class PoolScaling::Executor final : public scaler::BlockingExecutor {
 public:
  Executor(CallThreads& threads, std::shared_ptr<scaler::Provider> provider,
           std::shared_ptr<scaler::Journal> journal)
      : threads_(threads), provider_(std::move(provider)), journal_(std::move(journal)) {}
  void run(std::function<void()> blocking, std::function<void()> then) override {
    threads_.run(
        [provider = provider_, journal = journal_, blocking = std::move(blocking)] { blocking(); },
        std::move(then));
  }

 private:
  CallThreads& threads_;
  const std::shared_ptr<scaler::Provider> provider_;
  const std::shared_ptr<scaler::Journal> journal_;
};

PoolScaling::PoolScaling(const config::PoolModel& pool, PoolScalingParts parts, uint64_t seed)
    : loop_(parts.loop),
      prober_(parts.prober),
      runtime_(std::move(parts.runtime)),
      provider_(std::move(parts.provider)),
      kind_(pool.scaling->provider),
      drained_by_operator_(std::move(parts.drained_by_operator)),
      events_(parts.events),
      model_(pool),
      random_(seed),
      boot_median_(pool.scaling->boot_estimate),
      may_create_(creates(pool)),
      began_(parts.loop.now()),
      journal_(std::make_shared<ProviderJournal>(std::move(parts.journal),
                                                 std::string(to_string(kind_)))),
      executor_(std::make_unique<Executor>(parts.threads, provider_.provider, journal_)),
      scaler_(pool.name, scaling_policy(pool),
              {*provider_.provider, *executor_, *this, random_, journal_.get(), this}) {}

PoolScaling::~PoolScaling() = default;

void PoolScaling::apply(const config::PoolModel& pool) {
  model_ = pool;
  for (const auto& address : members_) prober_.watch(model_.name, address, model_.health);
  may_create_ = creates(pool);
  has_pool_ = true;
  provider_.apply(pool);
  scaler_.apply(scaling_policy(pool), loop_.now());
}

void PoolScaling::rest() {
  has_pool_ = false;
  scaler::Policy policy = scaling_policy(model_);
  policy.mode = scaler::Mode::off;
  scaler_.apply(policy, loop_.now());
}

// Not before it has had time to find out what the load asks for.
bool PoolScaling::can_replace(const PoolScaling& other, Time now) const {
  constexpr Duration kTimeToDecide = std::chrono::seconds(10);
  if (now - began_ < kTimeToDecide) return false;
  const auto serving = [](const scaler::ScalerStatus& status) {
    return std::count_if(status.instances.begin(), status.instances.end(),
                         [](const auto& one) { return one.state == scaler::InstanceState::ready; });
  };
  const scaler::ScalerStatus own = scaler_.status(now);
  const auto enough = std::min<int64_t>(own.desired, serving(other.scaler_.status(now)));
  return own.last_error.empty() && serving(own) >= enough;
}

void PoolScaling::begin_shutdown() {
  may_create_ = false;
  scaler_.begin_shutdown();
}

void PoolScaling::stop_instances(Ending ending, Time now) {
  may_create_ = false;
  const bool keeps = model_.scaling->at_shutdown == config::AtShutdown::keep;
  if (ending == Ending::none || (ending == Ending::as_configured && keeps)) {
    tick(now);  // what is to be remembered is written with the next call
    keeps_instances_ = true;
  } else {
    scaler_.stop_instances(now);
  }
}

void PoolScaling::drain_instances(Time now) {
  may_create_ = false;
  scaler_.apply(scaling_policy(model_), now);
  scaler_.drain_instances(now);
}

void PoolScaling::remove_members() {
  const auto members = members_;
  for (const auto& address : members) remove(address);
}

// The last instance may just have gone. The scaler says with its next decision what is coming;
// until then those who wait are not sent away.
void PoolScaling::keep_holding() {
  if (may_create_ && has_pool_) runtime_->pool.expect_capacity(true, boot_median_, loop_.now());
}

void PoolScaling::tick(Time now) {
  if (keeps_instances_) return;
  const auto wall = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  scaler_.tick(sample(now), now, wall);
}

void PoolScaling::on_event(const scaler::Event& event) {
  if (event.kind == scaler::EventKind::alarm) {
    alarms_.insert_or_assign(event.what, AlarmState{event.text, loop_.now()});
  } else if (event.kind == scaler::EventKind::alarm_end) {
    alarms_.erase(event.what);
  }
  events_.on_event(event);
}

void PoolScaling::poke(Time now) {
  if (!members_.empty() || runtime_->pool.queued() == 0) return;
  const auto status = scaler_.status(now);
  if (status.planned == 0) tick(now);
}

scaler::LoadSample PoolScaling::sample(Time now) const {
  const balancer::LoadReading load = runtime_->pool.read_load(now);
  scaler::LoadSample sample;
  sample.arrivals = load.arrivals;
  sample.dispatched = load.dispatched;
  sample.completions = load.completions;
  sample.holding_seconds = load.holding_seconds;
  sample.in_flight_seconds = load.in_flight_seconds;
  sample.in_flight = load.in_flight;
  sample.queued = load.queued;
  sample.oldest_wait_seconds = load.oldest_wait_seconds;
  return sample;
}

// --- Membership
// ------------------------------------------------------------------------------------------------

void PoolScaling::add(const std::string& address) {
  if (!members_.insert(address).second) return;
  runtime_->pool.add_backend(address, 1, loop_.now());
  prober_.watch(model_.name, address, model_.health);
}

uint32_t PoolScaling::drain(const std::string& address) {
  keep_holding();
  draining_.insert(address);
  return runtime_->pool.drain(address, loop_.now(), model_.scaling->drain_timeout);
}

bool PoolScaling::undrain(const std::string& address) {
  draining_.erase(address);
  // What an operator has drained, only an operator takes back.
  if (drained_by_operator_->contains(address)) return false;
  return runtime_->pool.undrain(address, loop_.now());
}

void PoolScaling::remove(const std::string& address) {
  if (members_.erase(address) == 0) return;
  keep_holding();
  admitted_.erase(address);
  draining_.erase(address);
  drained_by_operator_->erase(address);
  prober_.forget(model_.name, address);
  runtime_->pool.remove_backend(address, loop_.now());
}

std::vector<scaler::MemberReport> PoolScaling::report() const {
  std::vector<scaler::MemberReport> reports;
  for (const auto& backend : runtime_->pool.backends(loop_.now())) {
    if (!members_.contains(backend.address)) continue;
    if (backend.up || backend.life == balancer::Life::warming ||
        backend.life == balancer::Life::ready) {
      admitted_.insert(backend.address);
    }
    scaler::MemberReport member;
    member.address = backend.address;
    member.admitted = admitted_.contains(backend.address);
    member.serving = backend.life == balancer::Life::ready && backend.up;
    member.in_flight = backend.in_flight;
    member.draining_by_operator = drained_by_operator_->contains(backend.address);
    member.up = backend.up;
    reports.push_back(std::move(member));
  }
  return reports;
}

void PoolScaling::expect_capacity(bool coming, Duration boot_median) {
  boot_median_ = boot_median;
  if (has_pool_) runtime_->pool.expect_capacity(coming, boot_median, loop_.now());
}

// --- Status
// ---------------------------------------------------------------------------------------------------

admin::DecisionEntry PoolScaling::entry(const scaler::Decision& decision) const {
  admin::DecisionEntry entry;
  entry.number = decision.number;
  entry.time_ms = wall_milliseconds(decision.at);
  entry.action = scaler::to_string(decision.action);
  entry.reason = decision.reason;
  entry.target = decision.target;
  entry.planned = decision.planned;
  entry.need = decision.need;
  entry.formula = decision.formula;
  entry.text = decision.sentence;
  entry.inputs = decision.inputs;
  entry.repeats = decision.repeats;
  return entry;
}

std::vector<admin::DecisionEntry> PoolScaling::decisions() const {
  std::vector<admin::DecisionEntry> entries;
  for (const auto& decision : scaler_.decisions().entries()) entries.push_back(entry(decision));
  return entries;
}

admin::ScalingStatus PoolScaling::status(Time now) const {
  const scaler::ScalerStatus now_is = scaler_.status(now);
  admin::ScalingStatus status;
  status.provider = to_string(kind_);
  status.mode = scaler::to_string(now_is.mode);
  status.min = now_is.min;
  status.max = now_is.max;
  status.desired = now_is.desired;
  status.planned = now_is.planned;
  status.offered_load = now_is.offered_load;
  status.arrival_rate = now_is.arrival_rate;
  status.service_time_seconds = now_is.service_time_seconds;
  status.boot_seconds = now_is.boot_seconds_median;
  status.instance_seconds = now_is.instance_seconds;
  using State = scaler::InstanceState;
  for (const State state : {State::booting, State::warming, State::ready, State::draining,
                            State::standby, State::deleting, State::failed}) {
    status.instances_by_state.emplace_back(
        scaler::to_string(state),
        std::count_if(now_is.instances.begin(), now_is.instances.end(),
                      [state](const auto& instance) { return instance.state == state; }));
  }
  for (const auto& instance : now_is.instances) {
    status.instances.push_back({instance.name, instance.id, instance.address, instance.zone,
                                instance.version, std::string(scaler::to_string(instance.state)),
                                instance.age_seconds, instance.in_flight, instance.failure});
  }
  status.forecast = now_is.forecast;
  status.last_error = now_is.last_error;
  for (const std::string& alarm : now_is.alarms) {
    const auto known = alarms_.find(alarm);
    if (known == alarms_.end()) {
      status.alarms.push_back({alarm, "", 0});
    } else {
      status.alarms.push_back({alarm, known->second.text, to_seconds(now - known->second.since)});
    }
  }
  if (const auto* last = scaler_.decisions().last()) status.last_decision = entry(*last);
  for (const auto& [key, count] : scaler_.decisions().counts()) {
    status.decisions_total.push_back(
        {std::string(scaler::to_string(key.first)), key.second, count});
  }
  return status;
}

}  // namespace flaskscale::server
