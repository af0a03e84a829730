// The provider that a pool's configuration names, and what can be asked of it beyond that.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "proxy/config/model.h"
#include "scaler/check_finding.h"
#include "scaler/provider.h"
#include "scaler/providers/gce_token_sources.h"

namespace flaskscale::server {

// The functions hold the provider; they are all there.
struct PoolProvider {
  std::shared_ptr<scaler::Provider> provider;
  // A reload of the pool, its provider staying of the same kind. Any thread, does not block.
  std::function<void(const config::PoolModel& pool)> apply;
  // What can be seen without asking anybody, such as a program that is not there: one line.
  // Counts as a call.
  std::function<Result<void>()> check;
  // Asks everybody. Counts as a call.
  std::function<std::vector<scaler::CheckFinding>()> check_online;
  // SIGKILL to everything that this program itself has started. Counts as a call.
  std::function<void()> kill_all;
};

// What is wrong with a pool's provider settings beyond what its file shows: one line.
Result<void> check_settings(const config::PoolModel& pool);

// Control loop only.
class ProviderFactory {
 public:
  // Empty: none, which will do for an online check.
  explicit ProviderFactory(std::string state_dir);

  // The pool has scaling.
  PoolProvider make(const config::PoolModel& pool, Random random);

 private:
  PoolProvider make_process(const config::PoolModel& pool, Random random);
  PoolProvider make_docker(const config::PoolModel& pool);
  PoolProvider make_gce(const config::PoolModel& pool, Random random);
  static PoolProvider make_exec(const config::PoolModel& pool);

  const std::string state_dir_;
  std::shared_ptr<scaler::GceTokenSources> tokens_;
};

}  // namespace flaskscale::server
