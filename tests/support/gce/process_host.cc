#include "tests/support/gce/process_host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace flaskscale::emulator {
namespace {

std::string filled_in(std::string text, const std::string& name, const std::string& value) {
  const std::string mark = "{" + name + "}";
  for (size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + value.size())) {
    text.replace(at, mark.size(), value);
  }
  return text;
}

// Runs in the child; only calls that are safe after fork() in a program with threads.
[[noreturn]] void become(char* const* arguments, char* const* environment, int output) {
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < 32; ++number) std::signal(number, SIG_DFL);
  const int input = open("/dev/null", O_RDONLY);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execve(arguments[0], arguments, environment);
  _exit(127);
}

}  // namespace

ProcessHost::ProcessHost(ProcessHostSettings settings, Guardian& guardian)
    : settings_(std::move(settings)), guardian_(guardian), last_(settings_.first_address) {}

ProcessHost::~ProcessHost() {
  for (auto& [address, program] : programs_) kill_group(program);
}

bool ProcessHost::is_free(const std::string& address) const {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const int on = 1;
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(settings_.port);
  inet_pton(AF_INET, address.c_str(), &place.sin_addr);
  const bool free = bind(probe, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0;
  close(probe);
  return free;
}

std::string ProcessHost::new_address(const std::string& zone) {
  const int place = zones_.try_emplace(zone, static_cast<int>(zones_.size())).first->second;
  constexpr uint32_t kAddresses = 250U * 250U;
  for (uint32_t tries = 0; tries < kAddresses; ++tries) {
    last_ = (last_ + 1) % kAddresses;
    std::string address = "127." + std::to_string(64 + place) + "." + std::to_string(last_ / 250) +
                          "." + std::to_string(2 + last_ % 250);
    if (!taken_.contains(address) && is_free(address)) {
      taken_.insert(address);
      return address;
    }
  }
  return {};
}

void ProcessHost::give_back(const std::string& address) {
  const auto found = programs_.find(address);
  if (found != programs_.end()) {
    kill_group(found->second);
    programs_.erase(found);
  }
  taken_.erase(address);
}

bool ProcessHost::take(const std::string& address) { return taken_.insert(address).second; }

pid_t ProcessHost::spawn(const Machine& machine) {
  std::string command = filled_in(settings_.command, "host", machine.address);
  command = filled_in(std::move(command), "port", std::to_string(settings_.port));
  command = filled_in(std::move(command), "name", machine.name);
  command = "exec " + filled_in(std::move(command), "id", std::to_string(machine.id));
  std::string shell = "/bin/sh";
  std::string option = "-c";
  char* arguments[] = {shell.data(), option.data(), command.data(), nullptr};
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each) variables.emplace_back(*each);
  for (const auto& [name, value] : settings_.environment) variables.push_back(name + "=" + value);
  variables.push_back("INSTANCE_NAME=" + machine.name);
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  const std::string log = settings_.log.empty() ? "/dev/null" : settings_.log;
  const int output = open(log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const pid_t process = fork();
  if (process == 0) become(arguments, environment.data(), output);
  if (output >= 0) close(output);
  if (process > 0) guardian_.watch(process);
  return process;
}

void ProcessHost::start(const Machine& machine) {
  Program& program = programs_[machine.address];
  kill_group(program);
  program.process = spawn(machine);
}

// A leader that has ended takes its group with it before its number is free again.
void ProcessHost::reap(Program& program) {
  if (program.process <= 0) return;
  siginfo_t info{};
  const auto number = static_cast<id_t>(program.process);
  if (waitid(P_PID, number, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
  ::kill(-program.process, SIGKILL);
  guardian_.forget(program.process);
  waitpid(program.process, nullptr, 0);
  program.process = -1;
}

void ProcessHost::kill_group(Program& program) {
  program.stand_in.reset();
  if (program.process <= 0) return;
  // The group may not be there yet: its leader makes it.
  ::kill(program.process, SIGKILL);
  ::kill(-program.process, SIGKILL);
  while (waitpid(program.process, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::kill(-program.process, SIGKILL);
  guardian_.forget(program.process);
  program.process = -1;
}

void ProcessHost::end(const Machine& machine) {
  const auto found = programs_.find(machine.address);
  if (found == programs_.end()) return;
  found->second.stand_in.reset();
  if (found->second.process <= 0) return;
  ::kill(found->second.process, SIGTERM);
  ::kill(found->second.process, SIGCONT);
}

void ProcessHost::kill(const Machine& machine) {
  const auto found = programs_.find(machine.address);
  if (found != programs_.end()) kill_group(found->second);
}

bool ProcessHost::is_alive(const Machine& machine) {
  const auto found = programs_.find(machine.address);
  if (found == programs_.end()) return false;
  reap(found->second);
  return found->second.process > 0;
}

int ProcessHost::process_of(const Machine& machine) {
  const auto found = programs_.find(machine.address);
  if (found == programs_.end()) return 0;
  reap(found->second);
  return found->second.process > 0 ? found->second.process : 0;
}

void ProcessHost::answer_with(const Machine& machine, int status) {
  Program& program = programs_[machine.address];
  kill_group(program);
  auto opened = WebServer::open(machine.address, settings_.port,
                                [status](const WebRequest&, const std::function<bool()>&) {
                                  return WebSending{Cut::none, WebReply::text(status, "broken\n")};
                                });
  if (opened) program.stand_in = std::move(*opened);
}

void ProcessHost::freeze(const Machine& machine) {
  const auto found = programs_.find(machine.address);
  if (found != programs_.end() && found->second.process > 0) {
    ::kill(-found->second.process, SIGSTOP);
  }
}

void ProcessHost::heal(const Machine& machine) {
  Program& program = programs_[machine.address];
  reap(program);
  if (program.process > 0) {
    ::kill(-program.process, SIGCONT);
    return;
  }
  program.stand_in.reset();
  program.process = spawn(machine);
}

}  // namespace flaskscale::emulator
