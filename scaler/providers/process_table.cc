#include "scaler/providers/process_table.h"

#include <sys/wait.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace flaskscale::scaler {
namespace {

struct StatLine {
  char state = '?';
  pid_t group = 0;
  uint64_t start_time = 0;
};

// The command name stands in parentheses and may hold anything, so fields are counted from the last
// one.
std::optional<StatLine> read_stat(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  StatLine line;
  std::string skipped;
  if (!(fields >> line.state >> skipped >> line.group)) return std::nullopt;
  constexpr int kBetweenGroupAndStartTime = 16;
  for (int i = 0; i < kBetweenGroupAndStartTime; ++i) fields >> skipped;
  if (!(fields >> line.start_time)) return std::nullopt;
  return line;
}

// A zombie keeps its start time, so this tells a dead process from another one under its number.
bool was_reused(const ProcessIdentity& process) {
  const auto line = read_stat(std::to_string(process.pid));
  return line && line->start_time != process.start_time;
}

bool has_ended(char state) { return state == 'Z' || state == 'X' || state == 'x'; }

}  // namespace

std::optional<uint64_t> start_time_of(pid_t pid) {
  const auto line = read_stat(std::to_string(pid));
  if (!line || has_ended(line->state)) return std::nullopt;
  return line->start_time;
}

bool is_alive(const ProcessIdentity& process) {
  return process.pid > 0 && start_time_of(process.pid) == process.start_time;
}

bool group_has_others(const ProcessIdentity& leader) {
  if (was_reused(leader)) return false;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) continue;
    if (pid == leader.pid) continue;
    const auto line = read_stat(name);
    if (line && line->group == leader.pid && !has_ended(line->state)) return true;
  }
  return false;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

std::optional<std::string> end_of(const ProcessIdentity& process) {
  if (was_reused(process)) return "ended";
  siginfo_t info{};
  int waited = 0;
  do {
    waited = waitid(P_PID, static_cast<id_t>(process.pid), &info, WEXITED | WNOHANG | WNOWAIT);
  } while (waited != 0 && errno == EINTR);
  if (waited != 0) {
    if (is_alive(process)) return std::nullopt;
    return "ended";
  }
  if (info.si_pid == 0) return std::nullopt;
  if (info.si_code == CLD_EXITED) return "exited with status " + std::to_string(info.si_status);
  return "killed by signal " + std::to_string(info.si_status);
}

void reap(const ProcessIdentity& process) {
  if (was_reused(process)) return;
  while (waitpid(process.pid, nullptr, WNOHANG) < 0 && errno == EINTR) {
  }
}

}  // namespace flaskscale::scaler
