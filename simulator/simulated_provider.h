// A cloud that is not there: machines that boot, fail, run out and take time to go.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "scaler/provider.h"
#include "simulator/boot_time_model.h"
#include "simulator/simulated_clock.h"

namespace flaskscale::simulator {

struct CloudSettings {
  BootTimeModel boot = BootTimeModel::uniform(40, 80);
  double boot_failures = 0;  // the share of boots that end without ever answering
  Duration delete_time{};    // from the remove call until the machine is gone and costs nothing
  // No machine can be had within these; seconds from the start.
  std::vector<std::pair<double, double>> stockouts;
};

// Is told what happens to a machine by itself.
class MachineListener {
 public:
  virtual void on_answering(const std::string& address) = 0;
  virtual void on_crashed(const std::string& address) = 0;

 protected:
  ~MachineListener() = default;
};

// One thread. The clock is borrowed.
class SimulatedProvider final : public scaler::Provider {
 public:
  SimulatedProvider(const CloudSettings& settings, const SimulatedClock& clock, uint64_t seed);

  // A list is asked for every second while something moves, but no oftener than boots make it
  // useful; rarely at rest.
  scaler::Abilities abilities() const override;
  Result<void> create(const scaler::InstanceCall& call) override;
  Result<std::vector<scaler::InstanceReport>> list() override;
  Result<void> remove(const scaler::InstanceCall& call) override;

  // Machines that are there and answering at the start, under names that begin with `prefix`.
  void begin_with(uint32_t count, const std::string& prefix);
  // A share of the machines that answer ends at once; rounded, chosen at random.
  void crash(double share, MachineListener& listener);

  // When something happens next by itself; none: never.
  std::optional<Time> next_event() const { return next_event_; }
  // Lets happen what is due.
  void advance(MachineListener& listener);

  bool is_answering(const std::string& address) const;
  // Asked for, not answering yet and not removed.
  uint32_t booting() const { return booting_; }
  // All that cost something now.
  uint32_t billed() const { return static_cast<uint32_t>(machines_.size()); }
  double billed_seconds() const;
  uint64_t started() const { return started_; }  // create calls that made a machine
  uint64_t refused() const { return refused_; }  // machines that could not be had

 private:
  struct Machine {
    std::string address;
    Time created;
    Time next{};  // of `event`
    enum class Event : uint8_t { none, answer, fail, vanish } event = Event::none;
    bool answering = false;
    bool exited = false;
    bool removed = false;
  };
  using Machines = std::map<std::string, Machine>;

  bool is_out_of_stock() const;
  void find_next_event();
  std::string next_address();
  Machines::iterator gone(Machines::iterator machine);

  const CloudSettings settings_;
  const SimulatedClock& clock_;
  Random random_;
  Machines machines_;                         // by name
  std::map<std::string, std::string> names_;  // by address
  std::optional<Time> next_event_;
  uint32_t addresses_ = 0;
  uint32_t booting_ = 0;
  uint64_t started_ = 0;
  uint64_t refused_ = 0;
  double past_seconds_ = 0;
};

}  // namespace flaskscale::simulator
