#include "proxy/server/provider_settings.h"

#include <cstdlib>

namespace flaskscale::server {
namespace {

scaler::PullPolicy pull_policy(config::PullPolicy policy) {
  switch (policy) {
    case config::PullPolicy::missing:
      return scaler::PullPolicy::missing;
    case config::PullPolicy::always:
      return scaler::PullPolicy::always;
    case config::PullPolicy::never:
      return scaler::PullPolicy::never;
  }
  return scaler::PullPolicy::missing;
}

}  // namespace

scaler::ProcessSettings process_settings(const config::PoolModel& pool,
                                         const std::string& state_dir) {
  const config::ProcessProviderModel& process = pool.scaling->process;
  scaler::ProcessSettings settings;
  settings.pool = pool.name;
  settings.command = process.command;
  settings.directory = process.directory;
  settings.environment = process.environment;
  settings.stop_grace = process.stop_grace;
  settings.state_dir = state_dir;
  return settings;
}

scaler::DockerSettings docker_settings(const config::PoolModel& pool,
                                       const std::string& state_dir) {
  const config::DockerProviderModel& docker = pool.scaling->docker;
  scaler::DockerSettings settings;
  settings.pool = pool.name;
  settings.state_dir = state_dir;
  settings.host = docker.host;
  settings.image = docker.image;
  settings.port = static_cast<uint16_t>(docker.port);
  settings.command = docker.command;
  settings.environment = docker.environment;
  settings.network = docker.network;
  settings.publish = docker.publish;
  settings.memory_bytes = docker.memory;
  settings.cpus = docker.cpus;
  settings.stop_grace = docker.stop_grace;
  settings.pull = pull_policy(docker.pull);
  settings.registry_auth = docker.registry_auth;
  return settings;
}

scaler::GceSettings gce_settings(const config::PoolModel& pool, const std::string& owner) {
  const config::GceProviderModel& gce = pool.scaling->gce;
  scaler::GceSettings settings;
  settings.pool = pool.name;
  settings.owner = owner;
  settings.project = gce.project;
  settings.zones = gce.zones;
  settings.group = gce.group;
  settings.port = static_cast<uint16_t>(gce.port);
  settings.credentials.key_file = gce.credentials;
  settings.credentials.access_token_file = gce.access_token_file;
  if (!gce.endpoint.empty()) settings.endpoint = gce.endpoint;
  settings.ca_file = gce.ca_file;
  settings.standby_mode = gce.standby_mode == config::StandbyMode::stop
                              ? scaler::GceStandby::stop
                              : scaler::GceStandby::suspend;
  settings.calls_per_minute = gce.calls_per_minute;
  settings.list_interval = gce.list_interval;
  settings.list_interval_moving = gce.list_interval_moving;
  complete_from_environment(settings, [](const char* name) { return std::getenv(name); });
  return settings;
}

scaler::ExecSettings exec_settings(const config::PoolModel& pool) {
  const config::ExecProviderModel& exec = pool.scaling->exec;
  scaler::ExecSettings settings;
  settings.pool = pool.name;
  settings.create = exec.create;
  settings.list = exec.list;
  settings.remove = exec.remove;
  settings.stop = exec.stop;
  settings.start = exec.start;
  settings.timeout = exec.timeout;
  settings.list_interval = exec.list_interval;
  settings.list_interval_moving = exec.list_interval_moving;
  settings.directory = exec.directory;
  settings.environment = exec.environment;
  settings.zones = exec.zones;
  return settings;
}

}  // namespace flaskscale::server
