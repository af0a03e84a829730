// The whole of scenario 41: an emulated cloud, a pool, and a scaler that is killed now and then.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "scaler/executor.h"
#include "scaler/pool_scaler.h"
#include "scaler/providers/gce_provider.h"
#include "tests/support/gce/chance.h"
#include "tests/support/gce/emulator.h"
#include "tests/support/gce/in_process_client.h"
#include "tests/support/gce/simulated_host.h"
#include "tests/unit/gce_soak/memory_journal.h"
#include "tests/unit/gce_soak/soak_faults.h"
#include "tests/unit/gce_soak/soak_pool.h"

namespace flaskscale::soak {

struct SoakOptions {
  uint64_t seed = 1;
  double hours = 1;
  uint32_t standby = 0;
  uint32_t calls_per_minute = 120;
  std::shared_ptr<const emulator::Discovery> discovery;
};

// One thread: while a provider call waits for a reply, the world, the scaler's ticks included, goes
// on inside of it.
class SoakWorld final : public scaler::BlockingExecutor {
 public:
  explicit SoakWorld(const SoakOptions& options);

  void run();

  // What broke a promise; empty: nothing.
  const std::vector<std::string>& problems() const { return problems_; }
  std::string summary();
  uint64_t violations();
  uint32_t kills() const { return kills_; }
  uint64_t strikes() const { return faults_.strikes(); }

  void run(std::function<void()> blocking, std::function<void()> then) override;

 private:
  struct Job {
    std::function<void()> blocking;
    std::function<void()> then;
  };
  class Line;  // the scaler's connection to the cloud: watches, and breaks at its death

  void start_scaler();
  void kill_scaler();
  void bury_scaler();
  void run_jobs();
  void live(Duration time);
  void tick();
  void guide();
  void check_leaks();
  void check_minute();
  void check_calm();
  void watch_call(const scaler::HttpRequest& request);
  void note(const std::string& problem);
  double hour() { return cloud_.now() / 3600; }

  const SoakOptions options_;
  scaler::Policy policy_;
  emulator::SimulatedHost host_;
  emulator::Emulator cloud_;
  emulator::Chance chance_;
  Random random_;
  SoakFaults faults_;
  SoakPool pool_;
  MemoryJournal journal_;
  std::vector<std::string> problems_;

  std::unique_ptr<scaler::GceProvider> provider_;
  std::unique_ptr<scaler::PoolScaler> scaler_;
  std::deque<Job> jobs_;
  bool dead_ = false;
  uint32_t kills_ = 0;
  uint64_t seconds_ = 0;
  double next_tick_ = 1;  // simulated seconds
  bool calm_ = false;
  double level_ = 0.3;                           // of the largest load
  std::map<std::string, double> unknown_since_;  // machines that the scaler does not know
  uint32_t kills_this_minute_ = 0;
  uint64_t calls_before_ = 0;
  uint32_t most_calls_ = 0;
};

}  // namespace flaskscale::soak
