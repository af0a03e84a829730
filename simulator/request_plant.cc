#include "simulator/request_plant.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "simulator/sampling.h"

namespace flaskscale::simulator {
namespace {

// As the front door's control loop does it.
constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr size_t kRequestBytes = 4096;  // what a waiting request holds

}  // namespace

class RequestPlant::Waiting final : public balancer::Waiter {
 public:
  explicit Waiting(RequestPlant& plant) : plant_(plant) {}

  void begin(Arrival kind, double service, double prior) {
    kind_ = kind;
    service_ = service;
    prior_ = prior;
    since_ = plant_.clock_.now;
    over_ = false;
  }
  void wait(std::shared_ptr<balancer::Ticket> ticket) { ticket_ = std::move(ticket); }
  bool is_over() const { return over_; }
  const std::shared_ptr<balancer::Ticket>& ticket() const { return ticket_; }

  void on_slot(balancer::Slot slot) override {
    end(false);
    plant_.begin_service(std::move(slot), service_, prior_);
  }
  void on_refused(balancer::Refused /*refused*/) override { end(true); }

  void end(bool dropped) {
    over_ = true;
    ticket_.reset();
    if (kind_ == Arrival::taken_over) return;
    plant_.tally_.count(to_seconds(plant_.clock_.now - since_), plant_.slo_wait_, dropped);
  }

 private:
  RequestPlant& plant_;
  Arrival kind_ = Arrival::fresh;
  bool over_ = true;
  double service_ = 0;
  double prior_ = 0;
  Time since_{};
  std::shared_ptr<balancer::Ticket> ticket_;  // shared with the pool's queue, as its owner asks
};

RequestPlant::RequestPlant(const balancer::PoolSettings& pool, const Workload& workload,
                           double slo_wait, SimulatedClock& clock, Tally& tally, uint64_t seed)
    : workload_(workload),
      slo_wait_(slo_wait),
      clock_(clock),
      tally_(tally),
      random_(seed),
      pool_("simulated", pool, 1),
      view_(pool_.make_view(0, random_.next())),
      next_tick_(clock.now + kTick) {}

RequestPlant::~RequestPlant() {
  pool_.close(clock_.now);
  deliver();
}

void RequestPlant::post_decided(std::shared_ptr<balancer::Ticket> ticket) {
  decided_.push_back(std::move(ticket));
}

// Only once the pool's own call has returned.
void RequestPlant::deliver() {
  for (size_t i = 0; i < decided_.size(); ++i) {
    const std::shared_ptr<balancer::Ticket> ticket = std::move(decided_[i]);
    balancer::Pool::deliver(ticket);
  }
  decided_.clear();
}

double RequestPlant::draw_service() {
  return workload_.service.spread == ServiceTimes::Spread::constant
             ? mean_service_
             : exponential(random_, mean_service_);
}

RequestPlant::Waiting& RequestPlant::new_waiting() {
  if (spare_.empty()) {
    all_waiting_.push_back(std::make_unique<Waiting>(*this));
    return *all_waiting_.back();
  }
  Waiting& waiting = *spare_.back();
  spare_.pop_back();
  return waiting;
}

void RequestPlant::arrive(Arrival kind, double service, double prior) {
  balancer::AcquireRequest request;
  request.now = clock_.now;
  request.bytes = kRequestBytes;
  Waiting& waiting = new_waiting();
  waiting.begin(kind, service, prior);
  balancer::AcquireOutcome outcome = pool_.acquire(view_, request, waiting, *this);
  if (outcome.ticket) {
    waiting.wait(std::move(outcome.ticket));
    waiting_.push_back(&waiting);
    return;
  }
  spare_.push_back(&waiting);
  if (outcome.refused) {
    waiting.on_refused(*outcome.refused);
  } else {
    waiting.on_slot(std::move(outcome.slot));
  }
}

void RequestPlant::begin_service(balancer::Slot slot, double service, double prior) {
  uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<uint32_t>(in_flight_.size());
    in_flight_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  InFlight& request = in_flight_[index];
  request.slot = std::move(slot);
  request.prior = prior;
  completions_.push_back({clock_.now + from_seconds(service), index, ++request.generation});
  std::push_heap(completions_.begin(), completions_.end(), std::greater<>());
}

void RequestPlant::complete_next() {
  std::pop_heap(completions_.begin(), completions_.end(), std::greater<>());
  const Completion completion = completions_.back();
  completions_.pop_back();
  InFlight& request = in_flight_[completion.index];
  if (request.generation != completion.generation || !request.slot) return;
  earlier_holding_ += request.prior;
  balancer::Slot slot = std::move(request.slot);
  free_.push_back(completion.index);
  slot.finish(clock_.now);
  deliver();
}

void RequestPlant::tick() {
  next_tick_ += kTick;
  pool_.tick(clock_.now);
  deliver();
  time_out();
  tally_.waiting_seconds += static_cast<double>(pool_.queued()) * to_seconds(kTick);
}

// Deadlines lie equally far ahead, so that the oldest is the first.
void RequestPlant::time_out() {
  while (!waiting_.empty()) {
    Waiting& waiting = *waiting_.front();
    if (!waiting.is_over()) {
      if (pool_.deadline(*waiting.ticket(), clock_.now) > clock_.now) return;
      pool_.leave(waiting.ticket(), balancer::Pool::Leave::timed_out, clock_.now);
      waiting.end(true);
    }
    spare_.push_back(&waiting);
    waiting_.pop_front();
  }
}

Time RequestPlant::next_recorded() const {
  if (next_request_ >= workload_.requests.size()) return Time::max();
  return SimulatedClock::kStart + from_seconds(workload_.requests[next_request_].at);
}

void RequestPlant::run(Time until, double rate) {
  mean_service_ = workload_.service.mean_at(clock_.seconds());
  const bool recorded = !workload_.requests.empty();
  const auto next_arrival = [&] {
    if (recorded) return std::max(next_recorded(), clock_.now);
    return rate > 0 ? clock_.now + from_seconds(exponential(random_, 1 / rate)) : Time::max();
  };
  // The clock may have been moved without us.
  next_tick_ = std::max(next_tick_, clock_.now);
  Time arrival = next_arrival();
  while (true) {
    const Time completion = completions_.empty() ? Time::max() : completions_.front().at;
    const Time next = std::min({arrival, completion, next_tick_});
    if (next >= until) break;
    clock_.now = std::max(clock_.now, next);
    if (completion == next) {
      complete_next();
    } else if (arrival == next) {
      const double known = recorded ? workload_.requests[next_request_++].service : -1;
      arrive(Arrival::fresh, known >= 0 ? known : draw_service(), 0);
      arrival = next_arrival();
    } else {
      tick();
    }
  }
  clock_.now = until;
}

void RequestPlant::run_out(Time until) {
  while (clock_.now < until && waiting() > 0) run(std::min(until, next_tick_ + kTick), 0);
}

void RequestPlant::take_over(uint64_t count) {
  mean_service_ = workload_.service.mean_at(clock_.seconds());
  const bool constant = workload_.service.spread == ServiceTimes::Spread::constant;
  for (uint64_t i = 0; i < count; ++i) {
    // Exponential times have no memory: what is left of one is again such a time, and so is what
    // has passed of it.
    const double left = constant ? mean_service_ * random_.unit() : draw_service();
    const double prior = constant ? mean_service_ - left : draw_service();
    arrive(Arrival::taken_over, left, prior);
  }
}

uint64_t RequestPlant::hand_over() {
  const uint64_t count = in_flight();
  completions_.clear();
  for (InFlight& request : in_flight_) {
    if (request.slot) request.slot = balancer::Slot();
  }
  in_flight_.clear();
  free_.clear();
  return count;
}

void RequestPlant::lose(const balancer::Backend& backend) {
  for (uint32_t index = 0; index < in_flight_.size(); ++index) {
    InFlight& request = in_flight_[index];
    if (!request.slot || &request.slot.backend() != &backend) continue;
    request.slot = balancer::Slot();
    ++request.generation;
    free_.push_back(index);
    tally_.dropped += 1;
    tally_.late += 1;
    tally_.lost_with_instance += 1;
  }
  deliver();
}

}  // namespace flaskscale::simulator
