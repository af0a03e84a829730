#include "proxy/config/flat_scaling.h"

#include <utility>

#include "base/text.h"

namespace flaskscale::config {
namespace {

std::string_view word(ScalingMode mode) {
  switch (mode) {
    case ScalingMode::act:
      return "act";
    case ScalingMode::scale_out_only:
      return "scale_out_only";
    case ScalingMode::observe:
      return "observe";
    case ScalingMode::off:
      return "off";
  }
  return "";
}

std::string_view word(PullPolicy pull) {
  switch (pull) {
    case PullPolicy::missing:
      return "missing";
    case PullPolicy::always:
      return "always";
    case PullPolicy::never:
      return "never";
  }
  return "";
}

void put_variables(const Variables& variables, const Section& section) {
  Section environment = section.below("environment");
  for (const auto& [name, value] : variables) environment.put_hidden(name, quoted(value));
}

void flatten(const ProcessProviderModel& process, Section section) {
  section.put("command", list_of(process.command));
  section.text("directory", process.directory);
  section.duration("stop_grace", process.stop_grace);
  put_variables(process.environment, section);
}

void flatten(const DockerProviderModel& docker, Section section) {
  section.text("host", docker.host);
  section.text("image", docker.image);
  section.count("port", docker.port);
  section.put("command", list_of(docker.command));
  section.text("network", docker.network);
  section.text("publish", docker.publish);
  section.size("memory", docker.memory);
  section.number("cpus", docker.cpus);
  section.duration("stop_grace", docker.stop_grace);
  section.text("pull", word(docker.pull));
  section.text("registry_auth", docker.registry_auth);
  put_variables(docker.environment, section);
}

void flatten(const GceProviderModel& gce, Section section) {
  section.text("project", gce.project);
  section.put("zones", list_of(gce.zones));
  section.text("group", gce.group);
  section.count("port", gce.port);
  section.text("credentials", gce.credentials);
  section.text("access_token_file", gce.access_token_file);
  section.text("endpoint", gce.endpoint);
  section.text("ca_file", gce.ca_file);
  section.text("standby_mode", gce.standby_mode == StandbyMode::stop ? "stop" : "suspend");
  section.count("calls_per_minute", gce.calls_per_minute);
  section.duration("list_interval", gce.list_interval);
  section.duration("list_interval_moving", gce.list_interval_moving);
}

void flatten(const ExecProviderModel& exec, Section section) {
  section.put("create", list_of(exec.create));
  section.put("list", list_of(exec.list));
  section.put("delete", list_of(exec.remove));
  section.put("stop", list_of(exec.stop));
  section.put("start", list_of(exec.start));
  section.duration("timeout", exec.timeout);
  section.duration("list_interval", exec.list_interval);
  section.duration("list_interval_moving", exec.list_interval_moving);
  section.text("directory", exec.directory);
  section.put("zones", list_of(exec.zones));
  put_variables(exec.environment, section);
}

void flatten_provider(const ScalingModel& scaling, const Section& section) {
  switch (scaling.provider) {
    case ProviderKind::process:
      return flatten(scaling.process, section.below("process"));
    case ProviderKind::docker:
      return flatten(scaling.docker, section.below("docker"));
    case ProviderKind::gce:
      return flatten(scaling.gce, section.below("gce"));
    case ProviderKind::exec:
      return flatten(scaling.exec, section.below("exec"));
  }
}

std::string describe(const std::vector<ScheduleModel>& schedule) {
  std::vector<std::string> entries;
  entries.reserve(schedule.size());
  for (const ScheduleModel& entry : schedule) {
    entries.push_back(entry.cron + " for " + format_duration(entry.duration) + ": " +
                      std::to_string(entry.min));
  }
  return list_of(entries);
}

std::string describe(const std::vector<HookModel>& hooks) {
  std::string text;
  for (const HookModel& hook : hooks) {
    text += (text.empty() ? "" : ", ") +
            (hook.command.empty() ? quoted(hook.url) : list_of(hook.command));
  }
  return "[" + text + "]";
}

}  // namespace

void flatten_scaling(const ScalingModel& scaling, Section section) {
  section.present();
  section.text("provider", to_string(scaling.provider));
  section.text("mode", word(scaling.mode));
  section.count("min", scaling.min);
  section.count("max", scaling.max);
  section.number("availability", scaling.availability);
  section.duration("drain_timeout", scaling.drain_timeout);
  section.duration("boot_timeout", scaling.boot_timeout);
  section.duration("idle_to_zero", scaling.idle_to_zero);
  section.duration("scale_in_window", scaling.scale_in_window);
  section.duration("scale_in_interval", scaling.scale_in_interval);
  section.duration("boot_estimate", scaling.boot_estimate);
  section.duration("service_time_estimate", scaling.service_time_estimate);
  section.put("schedule", describe(scaling.schedule));
  // The path of a webhook's URL is often its password.
  section.put_hidden("on_event", describe(scaling.on_event));
  section.count("standby", scaling.standby);
  section.text("at_shutdown", scaling.at_shutdown == AtShutdown::keep ? "keep" : "delete");
  flatten_provider(scaling, section);
}

}  // namespace flaskscale::config
