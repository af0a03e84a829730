// The emulator as a program: its servers, its clock, its machines' processes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "tests/support/gce/emulator.h"
#include "tests/support/gce/guardian.h"
#include "tests/support/gce/process_host.h"
#include "tests/support/gce/web_server.h"

namespace flaskscale::emulator {

struct ProgramOptions {
  Settings settings;
  std::string discovery;
  std::string command;        // of the machines' backends; empty: the built-in one
  uint16_t backend_port = 0;  // 0: one that is free
  std::string backend_log;
  std::string ports_file;
  std::string journal;
  std::string key_file;
  std::string settings_file;
};

class EmulatorProgram {
 public:
  // Listens, and says where in the ports file. The guardian is borrowed.
  static Result<std::unique_ptr<EmulatorProgram>> open(ProgramOptions options, Guardian& guardian);

  // Lets time pass until SIGTERM or SIGINT, which must be blocked in all threads. 1: the emulator
  // has broken the schema itself.
  int run();

 private:
  EmulatorProgram(ProgramOptions options, std::shared_ptr<const Discovery> discovery,
                  Guardian& guardian);
  Result<void> listen();
  Result<void> write_key();
  Result<void> write_ports() const;
  WebServer::Handler handler(Port port);

  ProgramOptions options_;
  ProcessHost host_;
  Emulator emulator_;
  std::unique_ptr<WebServer> api_;
  std::unique_ptr<WebServer> metadata_;
  std::unique_ptr<WebServer> token_;
  std::unique_ptr<WebServer> control_;
};

}  // namespace flaskscale::emulator
