// Instances that the user's own commands create, list and delete.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "scaler/check_finding.h"
#include "scaler/provider.h"
#include "scaler/providers/command_run.h"
#include "scaler/providers/exec_settings.h"

namespace flaskscale::scaler {

// Exit statuses of the commands, sysexits.h where there is a word for it:
//   0   done, or as good as done (create: it exists; delete: it is gone)
//   69  no such machine is to be had here and now (out of capacity): another zone, or later
//   73  this account may have no more (quota)
//   75  something passing: the same call will be repeated
//   77  not allowed, 78 wrongly configured: only an operator can help
// Anything else, a signal or a time-out: failed. The list must exit with 0.
class ExecProvider final : public Provider {
 public:
  explicit ExecProvider(ExecSettings settings);

  // A reload: counts from the next call on. Any thread.
  void apply(ExecSettings settings);
  // Counts as a call: looks for the programs and runs the list.
  std::vector<CheckFinding> check_online();

  Abilities abilities() const override;
  Result<void> create(const InstanceCall& call) override;
  Result<std::vector<InstanceReport>> list() override;
  Result<void> remove(const InstanceCall& call) override;
  Result<void> stop(const InstanceCall& call) override;
  Result<void> start(const InstanceCall& call) override;

 private:
  struct Action {
    std::string_view name;  // "create"
    const std::vector<std::string>& command;
  };
  using Failures = std::map<std::string, Error>;  // by name

  ExecSettings settings() const;
  static CommandRun run_of(const ExecSettings& settings, const Action& action,
                           const InstanceCall& call, const std::string& name);
  static Result<CommandEnd> run_one(const ExecSettings& settings, const Action& action,
                                    const InstanceCall& call, const std::string& name);
  static Failures run_each(const ExecSettings& settings, const Action& action,
                           const InstanceCall& call);
  static Result<void> all_or_error(const Failures& failures);

  mutable std::mutex mutex_;
  ExecSettings settings_;  // guarded by mutex_
  // Creates that failed while others of the same call did not: listed until they are removed.
  std::map<std::string, InstanceReport> failed_;
};

}  // namespace flaskscale::scaler
