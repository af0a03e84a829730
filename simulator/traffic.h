// The requests of a simulation: one by one where they may have to wait, in bulk where they need
// not.
#pragma once

#include <cstdint>

#include "balancer/pool.h"
#include "base/random.h"
#include "base/time.h"
#include "scaler/load_sample.h"
#include "simulator/calm_flow.h"
#include "simulator/request_plant.h"
#include "simulator/simulated_clock.h"
#include "simulator/tally.h"
#include "simulator/workload.h"

namespace flaskscale::simulator {

// automatic: calm seconds are taken in bulk. exact: none is.
enum class Detail : uint8_t { automatic, exact };

// One thread. What is handed in is borrowed.
class Traffic {
 public:
  struct Options {
    Detail detail = Detail::automatic;
    double slo_wait = 0.5;  // seconds
    uint64_t seed = 1;
  };
  Traffic(const balancer::PoolSettings& pool, const Workload& workload, const Options& options,
          SimulatedClock& clock, Tally& tally);

  balancer::Pool& pool() { return plant_.pool(); }
  RequestPlant& plant() { return plant_; }
  const balancer::PoolSettings& settings() const { return settings_; }

  // A second begins. `slots`: that may be taken now. `settled`: nothing happens to the backends
  // that requests in flight would feel.
  void begin_second(const LoadCurveReader::Span& rate, double slots, bool settled);
  // Moves the clock within the second.
  void run_until(Time until);
  // `ramping`: slots are still being opened.
  void end_second(bool ramping);
  // From now on one by one, at least until the next second begins.
  void become_exact();

  bool is_calm() const { return calm_; }
  uint64_t calm_seconds() const { return calm_seconds_; }
  // In a calm second: what is in flight, all backends together.
  uint64_t calm_in_flight() const { return calm_ ? flow_.in_flight() : 0; }
  uint64_t in_flight() const { return calm_ ? flow_.in_flight() : plant_.in_flight(); }
  Random& random() { return flow_.random(); }

  scaler::LoadSample sample();
  // Of the last second.
  double mean_in_flight() const { return mean_in_flight_; }
  double mean_waiting() const { return mean_waiting_; }

 private:
  void become_calm();
  bool may_be_calm(const LoadCurveReader::Span& rate, double slots) const;

  const balancer::PoolSettings settings_;
  const Workload& workload_;
  const Options options_;
  SimulatedClock& clock_;
  Tally& tally_;
  RequestPlant plant_;
  CalmFlow flow_;
  bool calm_ = false;
  uint32_t exact_for_ = 0;  // seconds one by one since the last calm one
  LoadCurveReader::Span rate_;
  double slots_ = 0;
  uint64_t calm_seconds_ = 0;
  double taken_over_ = 0;  // requests that plant_ has counted a second time
  double last_in_flight_seconds_ = 0;
  double last_waiting_seconds_ = 0;
  double mean_in_flight_ = 0;
  double mean_waiting_ = 0;
};

}  // namespace flaskscale::simulator
