#include "scaler/providers/exec_provider.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <utility>

#include "scaler/providers/child_environment.h"
#include "scaler/providers/child_process.h"
#include "scaler/providers/exec_list.h"
#include "scaler/providers/placeholders.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kAtATime = 4;

ErrorCode code_of_exit(int status) {
  switch (status) {
    case 69:
      return ErrorCode::out_of_capacity;
    case 73:
      return ErrorCode::quota_exceeded;
    case 75:
      return ErrorCode::unavailable;
    case 77:
      return ErrorCode::permission_denied;
    case 78:
      return ErrorCode::misconfigured;
    default:
      return ErrorCode::internal;
  }
}

// What is wrong with how it ended; nothing if it is well.
Result<CommandEnd> judge(CommandEnd end, const std::string& what) {
  if (end.status == 0) return end;
  Error error = make_error(end.timed_out ? ErrorCode::timed_out : code_of_exit(end.status),
                           what + " " + end.text());
  if (end.timed_out || error.code == ErrorCode::unavailable) error.retry = Retry::always;
  return error;
}

}  // namespace

ExecProvider::ExecProvider(ExecSettings settings) : settings_(std::move(settings)) {}

ExecSettings ExecProvider::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void ExecProvider::apply(ExecSettings settings) {
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

Abilities ExecProvider::abilities() const {
  const std::lock_guard lock(mutex_);
  Abilities abilities;
  if (!settings_.zones.empty()) abilities.zones = settings_.zones;
  abilities.can_stop = !settings_.stop.empty() && !settings_.start.empty();
  abilities.list_interval = settings_.list_interval;
  abilities.list_interval_moving = settings_.list_interval_moving;
  return abilities;
}

CommandRun ExecProvider::run_of(const ExecSettings& settings, const Action& action,
                                const InstanceCall& call, const std::string& name) {
  const std::map<std::string, std::string> values = {{"name", name},
                                                     {"zone", call.zone},
                                                     {"pool", settings.pool},
                                                     {"request_id", call.request_id}};
  CommandRun run;
  for (const std::string& word : action.command) run.words.push_back(fill_in(word, values));
  run.directory = settings.directory;
  run.environment = settings.environment;
  run.environment["FLASKSCALE_ACTION"] = action.name;
  run.environment["FLASKSCALE_POOL"] = settings.pool;
  run.environment["FLASKSCALE_NAME"] = name;
  run.environment["FLASKSCALE_ZONE"] = call.zone;
  run.environment["FLASKSCALE_REQUEST_ID"] = call.request_id;
  run.timeout = settings.timeout;
  const std::string prefix = name.empty() ? settings.pool : name;
  const std::string verb(action.name);
  run.on_error_line = [prefix, verb](std::string_view line) {
    spdlog::info("[{}] {}: {}", prefix, verb, line);
  };
  return run;
}

Result<CommandEnd> ExecProvider::run_one(const ExecSettings& settings, const Action& action,
                                         const InstanceCall& call, const std::string& name) {
  const std::string what =
      "the " + std::string(action.name) + " command" + (name.empty() ? "" : " for " + name);
  auto end = run_command(run_of(settings, action, call, name));
  if (!end) {
    Error error = std::move(end).error();
    // Without the program there is nothing to try again until somebody mends it.
    if (error.code == ErrorCode::not_found) error.code = ErrorCode::misconfigured;
    error.detail = what + ": " + error.detail;
    return error;
  }
  return judge(*std::move(end), what);
}

ExecProvider::Failures ExecProvider::run_each(const ExecSettings& settings, const Action& action,
                                              const InstanceCall& call) {
  Failures failures;
  std::mutex mutex;
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < call.names.size(); i = next++) {
      auto end = run_one(settings, action, call, call.names[i]);
      if (end) continue;
      const std::lock_guard lock(mutex);
      failures.emplace(call.names[i], std::move(end).error());
    }
  };
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < std::min(kAtATime, call.names.size()); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return failures;
}

// The first that is not just passing, so that what needs an operator is told.
Result<void> ExecProvider::all_or_error(const Failures& failures) {
  if (failures.empty()) return {};
  const auto lasting = std::find_if(failures.begin(), failures.end(), [](const auto& failure) {
    return failure.second.retry == Retry::never;
  });
  return lasting == failures.end() ? failures.begin()->second : lasting->second;
}

Result<void> ExecProvider::create(const InstanceCall& call) {
  const ExecSettings current = settings();
  const Failures failures = run_each(current, {"create", current.create}, call);
  if (failures.size() == call.names.size()) return all_or_error(failures);
  // A call that is to be repeated as it is.
  for (const auto& [name, error] : failures) {
    if (error.retry == Retry::always) return error;
  }
  for (const auto& [name, error] : failures) {
    spdlog::warn("pool {}: {}", current.pool, error.detail);
    InstanceReport report;
    report.name = name;
    report.zone = call.zone;
    report.obstacle = obstacle_of(error);
    if (report.obstacle == Obstacle::none) report.obstacle = Obstacle::other;
    report.detail = error.detail;
    failed_.insert_or_assign(name, std::move(report));
  }
  return {};
}

Result<std::vector<InstanceReport>> ExecProvider::list() {
  const ExecSettings current = settings();
  auto end = run_one(current, {"list", current.list}, {}, "");
  if (!end) return std::move(end).error();
  if (end->output_cut) {
    return make_error(ErrorCode::too_large, "the list command wrote more than 4 MiB");
  }
  auto reports = parse_exec_list(end->output);
  if (!reports) return reports;
  std::set<std::string> listed;
  for (const InstanceReport& report : *reports) {
    listed.insert(report.name);
    failed_.erase(report.name);  // it has come after all
  }
  for (const auto& [name, report] : failed_) reports->push_back(report);
  return reports;
}

Result<void> ExecProvider::remove(const InstanceCall& call) {
  const ExecSettings current = settings();
  const Failures failures = run_each(current, {"delete", current.remove}, call);
  for (const std::string& name : call.names) {
    if (!failures.contains(name)) failed_.erase(name);
  }
  return all_or_error(failures);
}

Result<void> ExecProvider::stop(const InstanceCall& call) {
  const ExecSettings current = settings();
  if (current.stop.empty()) return Provider::stop(call);
  return all_or_error(run_each(current, {"stop", current.stop}, call));
}

Result<void> ExecProvider::start(const InstanceCall& call) {
  const ExecSettings current = settings();
  if (current.start.empty()) return Provider::start(call);
  return all_or_error(run_each(current, {"start", current.start}, call));
}

std::vector<CheckFinding> ExecProvider::check_online() {
  const ExecSettings current = settings();
  std::vector<CheckFinding> findings;
  const std::array<Action, 5> actions = {{{"create", current.create},
                                          {"list", current.list},
                                          {"delete", current.remove},
                                          {"stop", current.stop},
                                          {"start", current.start}}};
  for (const Action& action : actions) {
    if (action.command.empty()) continue;
    const auto path =
        find_command(action.command[0], current.directory, search_path(current.environment));
    findings.push_back({std::string(action.name) + " command", path.has_value(),
                        path ? *path : path.error().detail,
                        path ? "" : "see [pools." + current.pool + ".scaling.exec]"});
  }
  const auto listed = list();
  findings.push_back(
      {"list", listed.has_value(),
       listed ? std::to_string(listed->size()) + " instances" : listed.error().detail,
       listed ? "" : "run it by hand: it must write one JSON object a line"});
  return findings;
}

}  // namespace flaskscale::scaler
