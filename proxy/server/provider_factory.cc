#include "proxy/server/provider_factory.h"

#include <utility>

#include "proxy/server/provider_settings.h"
#include "scaler/providers/child_environment.h"
#include "scaler/providers/child_process.h"
#include "scaler/providers/curl_http_client.h"
#include "scaler/providers/docker_provider.h"
#include "scaler/providers/exec_provider.h"
#include "scaler/providers/gce_provider.h"
#include "scaler/providers/process_provider.h"
#include "scaler/providers/state_identity.h"

namespace flaskscale::server {
namespace {

// What providers have in common whose instances are no children of this program.
template <typename T>
PoolProvider outside(std::shared_ptr<T> provider,
                     std::function<void(const config::PoolModel&)> apply) {
  PoolProvider made;
  made.apply = std::move(apply);
  made.check = [] { return Result<void>(); };
  made.check_online = [provider] { return provider->check_online(); };
  made.kill_all = [] {};
  made.provider = std::move(provider);
  return made;
}

// Not what a running FlaskScale has in its hands, the state folder.
std::vector<scaler::CheckFinding> online_check(const scaler::ProcessSettings& settings) {
  const auto path = scaler::find_command(settings.command.front(), settings.directory,
                                         scaler::search_path(settings.environment));
  return {{"command", path.has_value(), path ? *path : path.error().detail, ""}};
}

}  // namespace

Result<void> check_settings(const config::PoolModel& pool) {
  switch (pool.scaling->provider) {
    case config::ProviderKind::docker:
      return check(docker_settings(pool, ""));
    case config::ProviderKind::gce: {
      const auto problems = problems_of(gce_settings(pool, ""));
      if (problems.empty()) return {};
      return make_error(ErrorCode::misconfigured, problems.front());
    }
    case config::ProviderKind::process:
    case config::ProviderKind::exec:
      return {};
  }
  return {};
}

ProviderFactory::ProviderFactory(std::string state_dir)
    : state_dir_(std::move(state_dir)), tokens_(std::make_shared<scaler::GceTokenSources>()) {}

PoolProvider ProviderFactory::make(const config::PoolModel& pool, Random random) {
  switch (pool.scaling->provider) {
    case config::ProviderKind::process:
      return make_process(pool, random);
    case config::ProviderKind::docker:
      return make_docker(pool);
    case config::ProviderKind::gce:
      return make_gce(pool, random);
    case config::ProviderKind::exec:
      return make_exec(pool);
  }
  return make_process(pool, random);
}

PoolProvider ProviderFactory::make_process(const config::PoolModel& pool, Random random) {
  auto provider =
      std::make_shared<scaler::ProcessProvider>(process_settings(pool, state_dir_), random);
  PoolProvider made;
  made.apply = [provider, state_dir = state_dir_](const config::PoolModel& changed) {
    provider->apply(process_settings(changed, state_dir));
  };
  made.check = [provider] { return provider->check(); };
  made.check_online = [settings = process_settings(pool, state_dir_)] {
    return online_check(settings);
  };
  made.kill_all = [provider] { provider->kill_all(); };
  made.provider = std::move(provider);
  return made;
}

PoolProvider ProviderFactory::make_docker(const config::PoolModel& pool) {
  auto provider = std::make_shared<scaler::DockerProvider>(docker_settings(pool, state_dir_));
  return outside(provider, [provider, state_dir = state_dir_](const config::PoolModel& changed) {
    provider->apply(docker_settings(changed, state_dir));
  });
}

PoolProvider ProviderFactory::make_gce(const config::PoolModel& pool, Random random) {
  // Without a state folder scaling waits anyway.
  const std::string owner =
      state_dir_.empty() ? "" : scaler::state_identity(state_dir_).value_or("");
  const scaler::GceSettings settings = gce_settings(pool, owner);
  auto provider = std::make_shared<scaler::GceProvider>(
      settings,
      std::make_unique<scaler::CurlHttpClient>(scaler::CurlSettings{settings.ca_file, {}, {}}),
      tokens_->of(settings.credentials), random);
  return outside(provider, [provider, tokens = tokens_, owner](const config::PoolModel& changed) {
    const scaler::GceSettings next = gce_settings(changed, owner);
    provider->apply(next, tokens->of(next.credentials));
  });
}

PoolProvider ProviderFactory::make_exec(const config::PoolModel& pool) {
  auto provider = std::make_shared<scaler::ExecProvider>(exec_settings(pool));
  return outside(provider, [provider](const config::PoolModel& changed) {
    provider->apply(exec_settings(changed));
  });
}

}  // namespace flaskscale::server
