// The emulator of Compute Engine, for tests: gce_emulator --ports-file FILE …
#include <pthread.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/gce/builtin_backend.h"
#include "tests/support/gce/discovery_file.h"
#include "tests/support/gce/emulator_program.h"

namespace flaskscale::emulator {
namespace {

// Before the first thread, so that all inherit it.
void block_signals() {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGINT);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int serve(const std::vector<std::string>& words) {
  block_signals();
  const BuiltinBackend backend{words.at(0), static_cast<uint16_t>(std::stoi(words.at(1))),
                               words.at(2), words.at(3)};
  return backend.run();
}

int emulate(ProgramOptions options) {
  Guardian guardian;
  block_signals();
  auto program = EmulatorProgram::open(std::move(options), guardian);
  if (!program) {
    std::fprintf(stderr, "gce_emulator: %s\n", program.error().detail.c_str());
    return 2;
  }
  return (*program)->run();
}

int run(int count, char** arguments) {
  ProgramOptions options;
  options.discovery = discovery_path();
  Settings& settings = options.settings;
  bool no_auth = false;
  std::vector<std::string> served;
  CLI::App app("Emulates Compute Engine's managed instance groups on loopback, for tests.");
  app.add_option("--discovery", options.discovery, "Google's discovery document compute:v1");
  app.add_option("--project", settings.project, "Its id");
  app.add_option("--zones", settings.zones, "One group in each")->delimiter(',');
  app.add_option("--group", settings.group, "Name of the groups");
  app.add_option("--template", settings.template_name, "Instance template of the groups");
  app.add_option("--size", settings.size, "Machines that serve from the begin, per group");
  app.add_option("--backend", options.command, "What a machine runs; {host} {port} {name} {id}");
  app.add_option("--backend-port", options.backend_port, "The port of every machine");
  app.add_option("--backend-log", options.backend_log, "Where the machines' output goes");
  app.add_option("--rate", settings.rate, "Simulated seconds per second")
      ->check(CLI::Range(0.01, 10'000.0));
  app.add_option("--seed", settings.seed, "Of all that is drawn");
  app.add_option("--ports-file", options.ports_file, "Written when all ports listen");
  app.add_option("--journal", options.journal, "Every call as a line of JSON");
  app.add_option("--key-file", options.key_file, "Where to write a service account's key");
  app.add_option("--settings", options.settings_file, "JSON, as PUT /_emu/settings takes it");
  app.add_flag("--no-auth", no_auth, "Every call is allowed");
  app.add_option("--serve", served, "Be a backend: HOST PORT NAME ID")->expected(4);
  CLI11_PARSE(app, count, arguments);
  settings.authenticate = !no_auth;
  if (!served.empty()) return serve(served);
  if (options.ports_file.empty()) {
    std::fprintf(stderr, "gce_emulator: --ports-file is needed\n");
    return 2;
  }
  return emulate(std::move(options));
}

}  // namespace
}  // namespace flaskscale::emulator

int main(int count, char** arguments) { return flaskscale::emulator::run(count, arguments); }
