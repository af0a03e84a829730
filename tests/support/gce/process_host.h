// Machines whose programs are real processes, each on a loopback address of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/gce/guardian.h"
#include "tests/support/gce/machine_host.h"
#include "tests/support/gce/web_server.h"

namespace flaskscale::emulator {

struct ProcessHostSettings {
  // For the shell; {host}, {port}, {name} and {id} are filled in.
  std::string command;
  uint16_t port = 0;  // the same on every machine
  std::string log;    // where their output goes; empty: nowhere
  std::vector<std::pair<std::string, std::string>> environment;  // beside this process's own
  uint32_t first_address = 0;
};

// Calls come under the emulator's lock, from any thread; the guardian is borrowed.
class ProcessHost final : public MachineHost {
 public:
  ProcessHost(ProcessHostSettings settings, Guardian& guardian);
  // Kills what is left.
  ~ProcessHost() override;

  std::string new_address(const std::string& zone) override;
  void give_back(const std::string& address) override;
  bool take(const std::string& address) override;
  void start(const Machine& machine) override;
  void end(const Machine& machine) override;
  void kill(const Machine& machine) override;
  bool is_alive(const Machine& machine) override;
  int process_of(const Machine& machine) override;
  void answer_with(const Machine& machine, int status) override;
  void freeze(const Machine& machine) override;
  void heal(const Machine& machine) override;

  void apply(std::vector<std::pair<std::string, std::string>> environment) {
    settings_.environment = std::move(environment);
  }

 private:
  struct Program {
    pid_t process = -1;  // leads its own group; -1: it has ended
    std::unique_ptr<WebServer> stand_in;
  };

  bool is_free(const std::string& address) const;
  pid_t spawn(const Machine& machine);
  void reap(Program& program);
  void kill_group(Program& program);

  ProcessHostSettings settings_;
  Guardian& guardian_;
  std::map<std::string, int> zones_;
  std::set<std::string> taken_;
  uint32_t last_;
  std::map<std::string, Program> programs_;  // by address
};

}  // namespace flaskscale::emulator
