// Requests one by one through the real queue and picker of a pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "balancer/pool.h"
#include "base/random.h"
#include "base/time.h"
#include "simulator/simulated_clock.h"
#include "simulator/tally.h"
#include "simulator/workload.h"

namespace flaskscale::simulator {

// One thread. Clock, tally and workload are borrowed.
class RequestPlant final : public balancer::WaiterHome {
 public:
  RequestPlant(const balancer::PoolSettings& pool, const Workload& workload, double slo_wait,
               SimulatedClock& clock, Tally& tally, uint64_t seed);
  ~RequestPlant();  // everybody who waits or is served is let go
  RequestPlant(const RequestPlant&) = delete;
  RequestPlant& operator=(const RequestPlant&) = delete;

  balancer::Pool& pool() { return pool_; }

  // Moves the clock to `until`; requests arrive at `rate`, or as recorded.
  void run(Time until, double rate);
  // Nobody arrives until `until`, or until nobody waits any more.
  void run_out(Time until);

  // Requests that are under way, and counted in the tally, go on here. Those that find no slot
  // wait.
  void take_over(uint64_t count);
  // Lets go of all that is in flight, which goes on elsewhere; nobody waits. Returns how many.
  uint64_t hand_over();
  // Slot-holding time of ended requests that was not spent here.
  double earlier_holding() const { return earlier_holding_; }

  // What is in flight at this backend is lost.
  void lose(const balancer::Backend& backend);

  uint64_t in_flight() const { return in_flight_.size() - free_.size(); }
  uint64_t waiting() const { return pool_.queued(); }
  void post_decided(std::shared_ptr<balancer::Ticket> ticket) override;

 private:
  class Waiting;
  struct InFlight {
    balancer::Slot slot;
    double prior = 0;  // seconds that it held a slot before it came here
    uint32_t generation = 0;
  };
  struct Completion {
    Time at;
    uint32_t index;
    uint32_t generation;
    bool operator>(const Completion& other) const { return at > other.at; }
  };

  enum class Arrival : uint8_t { fresh, taken_over };
  void arrive(Arrival kind, double service, double prior);
  void begin_service(balancer::Slot slot, double service, double prior);
  void complete_next();
  void tick();
  void time_out();
  void deliver();
  double draw_service();
  Time next_recorded() const;
  Waiting& new_waiting();

  const Workload& workload_;
  const double slo_wait_;
  SimulatedClock& clock_;
  Tally& tally_;
  Random random_;
  balancer::Pool pool_;
  balancer::PoolView view_;
  double mean_service_ = 0;
  double earlier_holding_ = 0;
  Time next_tick_;
  size_t next_request_ = 0;  // of the recorded ones
  std::vector<InFlight> in_flight_;
  std::vector<uint32_t> free_;           // indices into in_flight_
  std::vector<Completion> completions_;  // a heap, the soonest first
  std::deque<Waiting*> waiting_;         // in order of arrival; some are over
  std::vector<Waiting*> spare_;
  std::vector<std::unique_ptr<Waiting>> all_waiting_;
  std::vector<std::shared_ptr<balancer::Ticket>> decided_;
};

}  // namespace flaskscale::simulator
