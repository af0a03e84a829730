#include "balancer/pool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace flaskscale::balancer {
namespace {

constexpr double kLeastRetryAfter = 1;
constexpr double kMostRetryAfter = 300;
// Nothing is known of when a backend will be there: long enough for a health check to come back
// good.
constexpr double kRetryAfterWithoutCapacity = 10;

// A backend's identity must differ from that of any earlier one in every pool, since idle
// connections are kept by it; it carries no other state.
uint64_t next_backend_id() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

PoolSettings with_sound_bounds(PoolSettings settings) {
  settings.slots = std::max(settings.slots, 1U);
  return settings;
}

}  // namespace

// How no wake-up is lost. All of it is in the single total order of sequentially consistent
// operations.
//
// A request that finds the queue empty counts itself into waiting_ and then looks for a free slot
// once more (take_slot on the current set); only if there is none does it wait. Who frees a slot
// makes it visible to such a look (the backend's word and its block's lower bound), and then reads
// waiting_. If it read 0, all that came before the count and so before the look: the look has found
// the slot, or somebody has taken it since. Otherwise it takes the mutex and gives the slot to
// whoever is next then. A request that finds others waiting need not look: waiting_ has been above
// 0 ever since the first of them looked, so that each slot freed since then has its releaser on the
// way to the mutex. Slots that appear in any other way (a ramp, a check, an un-drain, a new limit)
// appear under the mutex, which dispatches before it is released.

Pool::Pool(std::string name, const PoolSettings& settings, uint16_t workers)
    : name_(std::move(name)),
      meter_(workers),
      settings_(with_sound_bounds(settings)),
      picker_{Random(std::hash<std::string>{}(name_)), 0} {
  retries_.configure(settings_.retry_budget, settings_.retry_floor);
  publish_set();
}

Pool::~Pool() { FS_CHECK(queue_.empty()); }

// --- Control loop
// -----------------------------------------------------------------------------------

std::shared_ptr<Backend> Pool::add_backend(const std::string& address, uint32_t weight, Time now) {
  const std::lock_guard lock(mutex_);
  note_time(now);
  if (const BackendRecord* known = roster_.find(address)) return known->backend;
  return roster_.add(next_backend_id(), address, weight).backend;
}

uint32_t Pool::drain(const std::string& address, Time now, Duration limit) {
  Decided decided;
  uint32_t left = 0;
  {
    const std::lock_guard lock(mutex_);
    BackendRecord* record = roster_.find(address);
    if (record == nullptr) return 0;
    left = roster_.drain(*record, now, limit);
    settle(now, decided);
  }
  post(decided);
  return left;
}

bool Pool::undrain(const std::string& address, Time now) {
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    BackendRecord* record = roster_.find(address);
    if (record == nullptr || !record->drained_by_operator) return false;
    roster_.undrain(*record);
    settle(now, decided);
  }
  post(decided);
  return true;
}

void Pool::remove_backend(const std::string& address, Time now) {
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    roster_.remove(address);
    settle(now, decided);
    roster_.reap();
  }
  post(decided);
}

void Pool::on_probe(const std::string& address, bool good, Time now) {
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    BackendRecord* record = roster_.find(address);
    if (record == nullptr) return;
    // Most checks say what is known; the pass over all backends is for the others.
    if (!roster_.on_probe(*record, good, settings_, now)) return;
    settle(now, decided);
  }
  post(decided);
}

void Pool::expect_capacity(bool coming, Duration boot_median, Time now) {
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    forecast_.expect(coming, boot_median, now);
    settle(now, decided);
  }
  post(decided);
}

void Pool::apply(const PoolSettings& settings, Time now) {
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    const bool other_set =
        settings.policy != settings_.policy || settings.sticky_key != settings_.sticky_key;
    settings_ = with_sound_bounds(settings);
    retries_.configure(settings_.retry_budget, settings_.retry_floor);
    if (other_set) publish_set();
    settle(now, decided);
  }
  post(decided);
}

void Pool::tick(Time now) {
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    const Ticket* next = queue_.next();
    const bool slot_is_free = next != nullptr && roster_.has_free_slot();
    // Must never be true; if it is, nobody is left waiting for it.
    if (gauge_.check(next == nullptr ? 0 : next->number, slot_is_free, now)) dispatch(now, decided);
    forecast_.tick(!queue_.empty(), roster_.slots(), now);
    settle(now, decided);
    roster_.reap();
  }
  post(decided);
  meter_.integrate(now);
}

void Pool::close(Time now) {
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    roster_.close();
    settle(now, decided);
  }
  post(decided);
}

// --- Any thread
// ---------------------------------------------------------------------------------------

void Pool::report(Backend& backend, ExchangeResult result, Time now) {
  if (result == ExchangeResult::client_left) return;
  auto& failures = backend.failures_in_a_row_;
  auto& connect_failures = backend.connect_failures_in_a_row_;
  if (result == ExchangeResult::ok) {
    // Read first: a line that all workers read must not be written for every good request.
    if (failures.load(std::memory_order_relaxed) != 0) failures.store(0, std::memory_order_relaxed);
    if (connect_failures.load(std::memory_order_relaxed) != 0) {
      connect_failures.store(0, std::memory_order_relaxed);
    }
    return;
  }
  // Nothing says more surely that nobody is there; the fail-open share guards against our own
  // faults.
  constexpr uint32_t kEnoughConnectFailures = 1;
  const uint32_t connects = result == ExchangeResult::connect_failed
                                ? connect_failures.fetch_add(1, std::memory_order_relaxed) + 1
                                : connect_failures.load(std::memory_order_relaxed);
  const uint32_t in_a_row = failures.fetch_add(1, std::memory_order_relaxed) + 1;
  Decided decided;
  {
    const std::lock_guard lock(mutex_);
    const uint32_t enough = settings_.eject_after;
    if (enough == 0) return;
    if (in_a_row < enough && connects < std::min(enough, kEnoughConnectFailures)) return;
    if (!roster_.eject(backend, settings_, now)) return;
    settle(now, decided);
  }
  post(decided);
}

LoadReading Pool::read_load(Time now) const {
  LoadReading reading = meter_.read(now);
  const std::lock_guard lock(mutex_);
  reading.queued = queue_.size();
  reading.queued_bytes = queue_.bytes();
  if (!queue_.empty())
    reading.oldest_wait_seconds = std::max(to_seconds(now - queue_.oldest()), 0.0);
  return reading;
}

std::vector<BackendStatus> Pool::backends(Time now) const {
  const std::lock_guard lock(mutex_);
  std::vector<BackendStatus> list;
  list.reserve(roster_.records().size());
  for (const auto& [address, record] : roster_.records()) {
    const Backend& backend = *record.backend;
    BackendStatus& status = list.emplace_back();
    status.id = backend.id();
    status.address = address;
    status.life = backend.life();
    status.up = record.health.is_up();
    status.ejected = record.outlier.is_ejected();
    status.drained_by_operator = record.drained_by_operator;
    status.weight = backend.weight();
    status.in_flight = backend.in_flight();
    status.limit = backend.limit();
    if (status.up) status.up_since_seconds = std::max(to_seconds(now - record.up_since), 0.0);
  }
  return list;
}

double Pool::predicted_wait_seconds(Time now) const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() ? 0 : predicted_wait(queue_.size(), now).value_or(0);
}

double Pool::idle_slot_while_queued_seconds() const {
  const std::lock_guard lock(mutex_);
  return gauge_.seconds();
}

PoolSettings Pool::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

bool Pool::may_pick_sticky(PoolView& view, uint64_t name) const {
  if (view.generation_ != generation_.load(std::memory_order_acquire)) refresh(view);
  return static_cast<bool>(view.set_->find_sticky(name));
}

PoolView Pool::make_view(uint16_t worker, uint64_t seed) const {
  PoolView view(worker, seed);
  // Workers start their turns at different places.
  view.picker_.cursor = view.picker_.random.below(1U << 30U);
  refresh(view);
  return view;
}

// --- Under the mutex
// ------------------------------------------------------------------------------------

void Pool::note_time(Time now) {
  const Duration::rep ticks = now.time_since_epoch().count();
  if (ticks > latest_.load(std::memory_order_relaxed))
    latest_.store(ticks, std::memory_order_relaxed);
}

bool Pool::can_serve() const {
  return forecast_.is_coming() || roster_.can_serve(settings_.health_fall);
}

void Pool::settle(Time now, Decided& decided) {
  note_time(now);
  const Roster::Change change = roster_.settle(settings_, now);
  if (change.set_changed) publish_set();
  if (change.capacity_rose) dispatch(now, decided);
  if (closed_) {
    refuse_all(Refusal::shutting_down, now, decided);
  } else if (!queue_.empty() && !can_serve()) {
    refuse_all(Refusal::no_capacity, now, decided);
  }
  choose_order(now);
}

void Pool::publish_set() {
  set_ = roster_.make_set(settings_);
  generation_.fetch_add(1, std::memory_order_release);
}

Time Pool::deadline_of(Time first_enqueued) const {
  return forecast_.deadline(first_enqueued, settings_.queue_timeout);
}

std::optional<double> Pool::predicted_wait(size_t ahead, Time now) const {
  return forecast_.wait_seconds(ahead, roster_.slots(), roster_.usable(), now);
}

Refused Pool::refusal(Refusal why, Time now) const {
  double seconds = kLeastRetryAfter;
  if (why == Refusal::no_capacity) {
    seconds = kRetryAfterWithoutCapacity;
  } else if (why != Refusal::shutting_down) {
    const auto to_capacity = forecast_.seconds_to_capacity(now);
    seconds = predicted_wait(queue_.size(), now).value_or(to_capacity.value_or(kLeastRetryAfter));
  }
  return {why,
          static_cast<uint32_t>(std::ceil(std::clamp(seconds, kLeastRetryAfter, kMostRetryAfter)))};
}

std::optional<Refused> Pool::refusal_for(const AcquireRequest& request) const {
  const Time now = request.now;
  if (closed_) return refusal(Refusal::shutting_down, now);
  if (!can_serve()) return refusal(Refusal::no_capacity, now);
  if (request.first_enqueued) {
    // It was admitted before; how many there are is bounded by the retry budget.
    if (now < deadline_of(*request.first_enqueued)) return std::nullopt;
    return refusal(Refusal::waited_too_long, now);
  }
  if (queue_.size() >= settings_.queue_limit) return refusal(Refusal::queue_full, now);
  if (queue_.bytes() + request.bytes > settings_.queue_bytes)
    return refusal(Refusal::queue_bytes, now);
  const auto wait = predicted_wait(queue_.ahead_of_newcomer(), now);
  if (wait && *wait > to_seconds(deadline_of(now) - now)) {
    return refusal(Refusal::predicted_too_late, now);
  }
  return std::nullopt;
}

void Pool::choose_order(Time now) {
  const size_t size = queue_.size();
  const double wait = size == 0 ? 0 : predicted_wait(size - 1, now).value_or(0);
  queue_.choose_order(settings_.queue_order, settings_.slow_after, wait);
}

void Pool::refuse_all(Refusal why, Time now, Decided& decided) {
  if (queue_.empty()) return;
  const Refused refused = refusal(why, now);
  meter_.count_refused(queue_.size());
  while (!queue_.empty()) {
    std::shared_ptr<Ticket> ticket = queue_.pop();
    ticket->refused = refused;
    ticket->state = Ticket::State::decided;
    waiting_.fetch_sub(1, std::memory_order_seq_cst);
    decided.push_back(std::move(ticket));
  }
}

}  // namespace flaskscale::balancer
