// Instances that are child processes on this machine, each on a loopback port of its own.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "scaler/provider.h"
#include "scaler/providers/output_tail.h"
#include "scaler/providers/process_settings.h"
#include "scaler/providers/process_state_dir.h"
#include "scaler/providers/process_table.h"

namespace flaskscale::scaler {

// Each instance leads a process group. What an ended run left behind is found by its state files:
// the same command goes on serving, another is ended. list() also does the housekeeping (output,
// kills after the grace, dead processes), so it is to be called about once a second. Destroying the
// provider leaves the processes alone.
class ProcessProvider final : public Provider {
 public:
  using Now = std::function<Time()>;
  ProcessProvider(ProcessSettings settings, Random random, Now now = Clock::now);
  ~ProcessProvider() override;

  // Whether instances could be started: command, directory, state_dir. One clear line if not.
  // Counts as a call.
  Result<void> check();
  // A reload: counts for instances started from now on. Any thread.
  void apply(ProcessSettings settings);
  // SIGKILL to everything at once, for a shutdown that can't wait; returns when all is dead, after
  // a second at most.
  void kill_all();

  Result<void> create(const InstanceCall& call) override;
  Result<std::vector<InstanceReport>> list() override;
  Result<void> remove(const InstanceCall& call) override;

 private:
  struct Child {
    ProcessRecord record;
    std::unique_ptr<OutputTail> output;
    std::optional<std::string> end;  // how its leader ended, once it has
    std::optional<Time> kill_at;     // being ended; SIGKILL at this time
    bool killed = false;
    bool removed = false;  // remove() was called: goes from the list when it is gone
    bool hidden = false;   // left over with another command: never listed
  };
  using Children = std::map<std::string, Child>;

  ProcessSettings settings() const;
  Result<void> recover();
  void take_over(const ProcessRecord& record, const std::string& wanted_fingerprint);
  Result<void> start_one(const std::string& name, const ProcessSettings& settings);
  void begin_end(Child& child);
  bool keep_house(Child& child);
  static void signal_group(const Child& child, int number);
  void forget(Children::iterator at);
  std::set<uint16_t> ports_in_use() const;

  const Now now_;
  Random random_;
  ProcessStateDir state_;
  const std::string boot_id_;
  bool recovered_ = false;
  Children children_;
  mutable std::mutex settings_mutex_;
  ProcessSettings settings_;  // guarded by settings_mutex_
};

}  // namespace flaskscale::scaler
