// The command line of flaskscale.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>

#include "base/log.h"
#include "proxy/config/loader.h"
#include "proxy/server/admin_client.h"
#include "proxy/server/server.h"
#include "proxy/server/version.h"

namespace {

namespace config = flaskscale::config;
namespace server = flaskscale::server;

constexpr int kBadConfiguration = 2;
constexpr const char* kDefaultConfig = "/etc/flaskscale/flaskscale.toml";

struct Arguments {
  std::string config_path = kDefaultConfig;
  std::string ready_file;
  std::string admin;
  std::string pool;
  std::string backend;
};

std::optional<config::Model> load(const std::string& path) {
  auto loaded = config::load_file(path, config::process_environment());
  for (const auto& problem : loaded.problems) std::cerr << config::to_string(problem) << '\n';
  return std::move(loaded.model);
}

int run(const Arguments& arguments) {
  auto model = load(arguments.config_path);
  if (!model) return kBadConfiguration;
  std::signal(SIGPIPE, SIG_IGN);
  flaskscale::set_up_log();
  server::Server program({arguments.config_path, arguments.ready_file}, *std::move(model));
  if (auto ended = program.run(); !ended) {
    spdlog::error("{}", ended.error().detail);
    return 1;
  }
  return 0;
}

int check(const Arguments& arguments) {
  if (!load(arguments.config_path)) return kBadConfiguration;
  std::cout << arguments.config_path << ": fine\n";
  return 0;
}

int print(flaskscale::Result<std::string> answer) {
  if (!answer) {
    std::cerr << answer.error().detail << '\n';
    return 1;
  }
  std::cout << *answer;
  return 0;
}

// Where the running program's admin listener is: given, or read from its configuration.
std::optional<std::string> admin_address(const Arguments& arguments) {
  if (!arguments.admin.empty()) return arguments.admin;
  auto model = load(arguments.config_path);
  if (!model) return std::nullopt;
  return model->admin.listen;
}

template <typename Call>
int ask(const Arguments& arguments, Call call) {
  const auto address = admin_address(arguments);
  if (!address) return kBadConfiguration;
  return print(call(server::AdminClient(*address)));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The front door and the autoscaler of a web application.");
  app.set_version_flag("--version", "flaskscale " FLASKSCALE_VERSION " (" FLASKSCALE_COMMIT ")");
  app.require_subcommand(1);
  Arguments arguments;
  const auto with_config = [&](CLI::App* command) {
    command->add_option("-c,--config", arguments.config_path, "the configuration file")
        ->capture_default_str();
    return command;
  };
  const auto with_admin = [&](CLI::App* command) {
    with_config(command)->add_option("--admin", arguments.admin, "host:port of the admin listener");
    return command;
  };
  const auto with_backend = [&](CLI::App* command) {
    with_admin(command)->add_option("pool", arguments.pool, "the pool's name")->required();
    command->add_option("backend", arguments.backend, "host:port of the backend")->required();
    return command;
  };

  CLI::App* const run_command =
      with_config(app.add_subcommand("run", "Serve until a signal ends it."));
  run_command->add_option("--ready-file", arguments.ready_file,
                          "written once it serves: process id and addresses, as JSON");
  CLI::App* const check_command = with_config(
      app.add_subcommand("check", "Say everything that is wrong with a configuration file."));
  CLI::App* const status_command =
      with_admin(app.add_subcommand("status", "Show what a running FlaskScale does."));
  CLI::App* const drain_command =
      with_backend(app.add_subcommand("drain", "Let a backend finish and give it nothing new."));
  CLI::App* const undrain_command =
      with_backend(app.add_subcommand("undrain", "Take a draining backend back."));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kBadConfiguration;
  }

  if (run_command->parsed()) return run(arguments);
  if (check_command->parsed()) return check(arguments);
  if (status_command->parsed())
    return ask(arguments, [](const auto& client) { return client.status(); });
  if (drain_command->parsed()) {
    return ask(arguments,
               [&](const auto& client) { return client.drain(arguments.pool, arguments.backend); });
  }
  if (undrain_command->parsed()) {
    return ask(arguments, [&](const auto& client) {
      return client.undrain(arguments.pool, arguments.backend);
    });
  }
  return kBadConfiguration;
}
