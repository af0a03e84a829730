#include "scaler/providers/process_provider.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>

#include "scaler/providers/child_environment.h"
#include "scaler/providers/child_process.h"
#include "scaler/providers/file_descriptor.h"
#include "scaler/providers/free_port.h"
#include "scaler/providers/placeholders.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kLongestProcessName = 63;
constexpr int kKillPolls = 100;
constexpr auto kKillPollInterval = std::chrono::milliseconds(10);

bool is_fit_for_a_file(const std::string& name) {
  return !name.empty() && name.size() <= kLongestProcessName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::map<std::string, std::string> placeholders(const std::string& name, uint16_t port) {
  const std::string digits = std::to_string(port);
  return {
      {"address", "127.0.0.1:" + digits}, {"host", "127.0.0.1"}, {"port", digits}, {"name", name}};
}

std::vector<std::string> make_environment(const ProcessSettings& settings,
                                          const std::map<std::string, std::string>& values) {
  std::map<std::string, std::string> own;
  for (const auto& [key, value] : settings.environment) own[key] = fill_in(value, values);
  own["PORT"] = values.at("port");
  own["FLASKSCALE_INSTANCE"] = values.at("name");
  return child_environment(own);
}

}  // namespace

ProcessProvider::ProcessProvider(ProcessSettings settings, Random random, Now now)
    : now_(std::move(now)),
      random_(random),
      state_(settings.state_dir, settings.pool),
      boot_id_(boot_id()),
      settings_(std::move(settings)) {}

ProcessProvider::~ProcessProvider() = default;

ProcessSettings ProcessProvider::settings() const {
  const std::lock_guard lock(settings_mutex_);
  return settings_;
}

void ProcessProvider::apply(ProcessSettings settings) {
  const std::lock_guard lock(settings_mutex_);
  settings_ = std::move(settings);
}

Result<void> ProcessProvider::check() {
  const ProcessSettings wanted = settings();
  const std::string where = "pool " + wanted.pool + ": ";
  if (wanted.command.empty()) {
    return make_error(ErrorCode::invalid_argument, where + "the process provider has no command");
  }
  struct stat info {};
  if (!wanted.directory.empty() &&
      (stat(wanted.directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))) {
    return make_error(ErrorCode::not_found,
                      where + "directory " + wanted.directory + " of its instances does not exist");
  }
  const Result<std::string> command =
      find_command(wanted.command[0], wanted.directory, search_path(wanted.environment));
  if (!command) return make_error(command.error().code, where + command.error().detail);
  if (const Result<void> opened = state_.open(); !opened) {
    return make_error(opened.error().code, where + opened.error().detail);
  }
  return {};
}

// Looks, once, for what an ended run left.
Result<void> ProcessProvider::recover() {
  if (recovered_) return {};
  if (Result<void> opened = state_.open(); !opened) return opened;
  Result<std::vector<ProcessRecord>> records = state_.load();
  if (!records) return records.error();
  const std::string wanted = fingerprint(settings());
  for (const ProcessRecord& record : *records) take_over(record, wanted);
  recovered_ = true;
  return {};
}

void ProcessProvider::take_over(const ProcessRecord& record,
                                const std::string& wanted_fingerprint) {
  const bool same_boot = record.boot_id == boot_id_;
  const bool alive = same_boot && is_alive(record.process);
  if (!alive && !(same_boot && group_has_others(record.process))) {
    state_.erase(record.name);
    return;
  }
  Child child;
  child.record = record;
  child.output = std::make_unique<OutputTail>(state_.output_path(record.name), record.name,
                                              OutputTail::From::end);
  if (alive && !record.ending && record.fingerprint == wanted_fingerprint) {
    spdlog::info("pool {}: instance {} (process {}) of an earlier run is taken over",
                 settings().pool, record.name, record.process.pid);
  } else {
    spdlog::info("pool {}: instance {} (process {}) of an earlier run is ended: {}",
                 settings().pool, record.name, record.process.pid,
                 !alive          ? "only parts of it are left"
                 : record.ending ? "it was being ended"
                                 : "its command has changed");
    child.hidden = true;
    child.removed = true;
    begin_end(child);
  }
  children_.insert_or_assign(record.name, std::move(child));
}

std::set<uint16_t> ProcessProvider::ports_in_use() const {
  std::set<uint16_t> ports;
  for (const auto& [name, child] : children_) ports.insert(child.record.port);
  return ports;
}

Result<void> ProcessProvider::create(const InstanceCall& call) {
  for (const std::string& name : call.names) {
    if (is_fit_for_a_file(name)) continue;
    return make_error(ErrorCode::invalid_argument, "\"" + name + "\" is no name of an instance");
  }
  if (Result<void> recovered = recover(); !recovered) return recovered;
  const ProcessSettings wanted = settings();
  if (wanted.command.empty()) {
    return make_error(ErrorCode::invalid_argument, "the process provider has no command");
  }
  for (const std::string& name : call.names) {
    if (children_.contains(name)) continue;
    if (Result<void> started = start_one(name, wanted); !started) return started;
  }
  return {};
}

Result<void> ProcessProvider::start_one(const std::string& name, const ProcessSettings& wanted) {
  const Result<uint16_t> port = find_free_port(ports_in_use(), random_);
  if (!port) return port.error();
  const Result<std::string> path =
      find_command(wanted.command[0], wanted.directory, search_path(wanted.environment));
  if (!path) return path.error();

  Child child;
  child.record.name = name;
  child.record.port = *port;
  child.record.boot_id = boot_id_;
  child.record.fingerprint = fingerprint(wanted);
  const std::string output_path = state_.output_path(name);
  const FileDescriptor output(
      open(output_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  if (!output) return error_from_errno(errno, "state_dir: open " + output_path);

  ChildSpec spec;
  spec.path = *path;
  const std::map<std::string, std::string> values = placeholders(name, *port);
  for (const std::string& word : wanted.command) spec.arguments.push_back(fill_in(word, values));
  spec.environment = make_environment(wanted, values);
  spec.directory = wanted.directory;
  spec.output = output.number();
  const Result<ProcessIdentity> started =
      start_child(spec, [&](const ProcessIdentity& identity) -> Result<void> {
        child.record.process = identity;
        return state_.write(child.record);
      });
  if (!started) {
    state_.erase(name);
    return started.error();
  }
  child.output = std::make_unique<OutputTail>(output_path, name, OutputTail::From::start);
  children_.insert_or_assign(name, std::move(child));
  return {};
}

Result<std::vector<InstanceReport>> ProcessProvider::list() {
  if (Result<void> recovered = recover(); !recovered) return recovered.error();
  std::vector<InstanceReport> reports;
  for (auto at = children_.begin(); at != children_.end();) {
    const auto next = std::next(at);
    Child& child = at->second;
    if (keep_house(child)) {
      forget(at);
    } else if (!child.hidden) {
      InstanceReport report;
      report.name = at->first;
      report.id = std::to_string(child.record.process.pid);
      report.address = "127.0.0.1:" + std::to_string(child.record.port);
      report.running = !child.end.has_value();
      report.exited = child.end.has_value();
      report.detail = child.end.value_or(child.kill_at ? "being ended" : "");
      reports.push_back(std::move(report));
    }
    at = next;
  }
  return reports;
}

// Returns true when nothing is left of it and nobody needs to hear about it any more.
bool ProcessProvider::keep_house(Child& child) {
  child.output->poll();
  if (!child.end) {
    child.end = end_of(child.record.process);
    if (child.end) {
      spdlog::log(child.removed ? spdlog::level::debug : spdlog::level::warn, "[{}] {}",
                  child.record.name, *child.end);
      // The rest of its group, workers of a dead master say, may finish what it is doing.
      if (!child.kill_at) begin_end(child);
    }
  }
  if (child.kill_at && !child.killed && now_() >= *child.kill_at) {
    signal_group(child, SIGKILL);
    child.killed = true;
  }
  if (!child.end || !child.removed) return false;
  return child.killed || !group_has_others(child.record.process);
}

Result<void> ProcessProvider::remove(const InstanceCall& call) {
  if (Result<void> recovered = recover(); !recovered) return recovered;
  for (const std::string& name : call.names) {
    const auto found = children_.find(name);
    if (found == children_.end()) continue;
    Child& child = found->second;
    child.removed = true;
    if (!child.kill_at) begin_end(child);
  }
  return {};
}

void ProcessProvider::begin_end(Child& child) {
  child.kill_at = now_() + settings().stop_grace;
  child.record.ending = true;
  // If this can't be written, the worst is that a later run ends or adopts it by its command.
  if (const Result<void> written = state_.write(child.record); !written) {
    spdlog::warn("[{}] {}", child.record.name, written.error().detail);
  }
  signal_group(child, SIGTERM);
}

// Only while the group is certainly the one we made: its leader is a child that was not reaped yet,
// or is alive as the incarnation we know, or others of its group are.
void ProcessProvider::signal_group(const Child& child, int number) {
  const ProcessIdentity& leader = child.record.process;
  if (leader.pid <= 1) return;
  if (!is_alive(leader) && !group_has_others(leader)) return;
  kill(-leader.pid, number);
}

void ProcessProvider::forget(Children::iterator at) {
  Child& child = at->second;
  child.output->finish();
  reap(child.record.process);
  state_.erase(at->first);
  children_.erase(at);
}

void ProcessProvider::kill_all() {
  for (auto& [name, child] : children_) signal_group(child, SIGKILL);
  const auto is_gone = [](const auto& entry) {
    return end_of(entry.second.record.process).has_value();
  };
  for (int i = 0; i < kKillPolls && !std::all_of(children_.begin(), children_.end(), is_gone);
       ++i) {
    std::this_thread::sleep_for(kKillPollInterval);
  }
  while (!children_.empty()) forget(children_.begin());
}

}  // namespace flaskscale::scaler
