#include "tests/support/gce/emulator_program.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>
#include <utility>

#include "base/random.h"

namespace flaskscale::emulator {
namespace {

constexpr auto kTick = std::chrono::milliseconds(5);

std::string own_path() {
  std::string path(4096, '\0');
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return path;
}

// Below the ports that the system gives to outgoing connections, so that none of those takes it.
uint16_t some_port() { return static_cast<uint16_t>(12'000 + random_seed() % 16'000); }

ProcessHostSettings host_settings(const ProgramOptions& options) {
  ProcessHostSettings settings;
  settings.command = options.command.empty()
                         ? "'" + own_path() + "' --serve {host} {port} {name} {id}"
                         : options.command;
  settings.port = options.backend_port;
  settings.log = options.backend_log;
  settings.first_address = static_cast<uint32_t>(random_seed() % 62'000);
  return settings;
}

double wall_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Result<void> write_whole(const std::string& path, const std::string& text) {
  const std::string beside = path + ".new";
  {
    std::ofstream file(beside, std::ios::trunc);
    file << text;
    if (!file.flush()) return make_error(ErrorCode::io_error, "cannot write " + beside);
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) return error_from_errno(errno, path);
  return {};
}

}  // namespace

EmulatorProgram::EmulatorProgram(ProgramOptions options, std::shared_ptr<const Discovery> discovery,
                                 Guardian& guardian)
    : options_(std::move(options)),
      host_(host_settings(options_), guardian),
      emulator_(options_.settings, std::move(discovery), host_, wall_now()) {}

Result<std::unique_ptr<EmulatorProgram>> EmulatorProgram::open(ProgramOptions options,
                                                               Guardian& guardian) {
  auto discovery = Discovery::load(options.discovery);
  if (!discovery) return discovery.error();
  if (options.backend_port == 0) options.backend_port = some_port();
  if (!options.settings_file.empty()) {
    std::ifstream file(options.settings_file);
    const Json changes = Json::parse(file, nullptr, false);
    if (const auto problem = options.settings.merge(changes)) {
      return make_error(ErrorCode::invalid_argument, options.settings_file + ": " + *problem);
    }
  }
  std::unique_ptr<EmulatorProgram> program(
      new EmulatorProgram(std::move(options), *discovery, guardian));
  if (auto listening = program->listen(); !listening) return listening.error();
  if (auto written = program->write_key(); !written) return written.error();
  if (auto written = program->write_ports(); !written) return written.error();
  return program;
}

WebServer::Handler EmulatorProgram::handler(Port port) {
  return [this, port](const WebRequest& request, const std::function<bool()>& gone) {
    Exchange exchange = emulator_.begin(port, request);
    while (exchange.cut != Cut::refuse && !emulator_.is_ready(exchange)) {
      if (gone()) return WebSending{Cut::reset, {}};
      std::this_thread::sleep_for(kTick);
    }
    const Cut cut = exchange.cut;
    return WebSending{cut, emulator_.finish(exchange)};
  };
}

Result<void> EmulatorProgram::listen() {
  if (!options_.journal.empty()) {
    if (auto opened = emulator_.cloud().ledger.open_file(options_.journal); !opened) return opened;
  }
  struct Place {
    Port port;
    std::unique_ptr<WebServer>& server;
  };
  for (const Place& place : {Place{Port::api, api_}, Place{Port::metadata, metadata_},
                             Place{Port::token, token_}, Place{Port::control, control_}}) {
    auto opened = WebServer::open("127.0.0.1", 0, handler(place.port));
    if (!opened) return opened.error();
    place.server = std::move(*opened);
  }
  emulator_.cloud().settings.api_base =
      "http://127.0.0.1:" + std::to_string(api_->port()) + "/compute/v1/";
  host_.apply({{"GCE_METADATA_HOST", "127.0.0.1:" + std::to_string(metadata_->port())}});
  return {};
}

Result<void> EmulatorProgram::write_key() {
  if (options_.key_file.empty()) return {};
  auto key = ServiceAccountKey::generate();
  if (!key) return key.error();
  const std::string project = options_.settings.project;
  const std::string email = "flaskscale@" + project + ".iam.gserviceaccount.com";
  const std::string uri = "http://127.0.0.1:" + std::to_string(token_->port()) + "/token";
  emulator_.expect_key(*key, email);
  return write_whole(options_.key_file, (*key)->key_file(project, email, uri));
}

Result<void> EmulatorProgram::write_ports() const {
  const auto at = [](const std::unique_ptr<WebServer>& server) {
    return "127.0.0.1:" + std::to_string(server->port());
  };
  const Json ports = {{"pid", getpid()},
                      {"api", "http://" + at(api_) + "/compute/v1/"},
                      {"metadata", at(metadata_)},
                      {"token", "http://" + at(token_) + "/token"},
                      {"control", "http://" + at(control_)},
                      {"backend_port", options_.backend_port}};
  return write_whole(options_.ports_file, ports.dump(1) + "\n");
}

int EmulatorProgram::run() {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGINT);
  const timespec tick{0, std::chrono::nanoseconds(kTick).count()};
  auto last = std::chrono::steady_clock::now();
  while (sigtimedwait(&awaited, nullptr, &tick) < 0) {
    const auto now = std::chrono::steady_clock::now();
    emulator_.advance(std::chrono::duration<double>(now - last).count() * options_.settings.rate);
    last = now;
  }
  // In this order: nobody calls the emulator any more when its parts go.
  for (auto* server : {&api_, &metadata_, &token_, &control_}) server->reset();
  const Ledger& ledger = emulator_.cloud().ledger;
  if (ledger.response_problems() == 0) return 0;
  std::fprintf(stderr, "own responses break the schema: %s\n",
               ledger.violations_json()["responses"].dump(1).c_str());
  return 1;
}

}  // namespace flaskscale::emulator
