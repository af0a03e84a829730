// The command line of flaskscale.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/log.h"
#include "proxy/config/loader.h"
#include "proxy/server/acme_manager.h"
#include "proxy/server/admin_client.h"
#include "proxy/server/certificate_store.h"
#include "proxy/server/online_check.h"
#include "proxy/server/provider_factory.h"
#include "proxy/server/server.h"
#include "proxy/server/simulate_command.h"
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
  bool online = false;
  server::SimulateOptions simulate;
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
  if (program.has_calls_under_way()) {
    // The journal knows what they are about; the next start looks what became of it.
    spdlog::warn("ending without the answers of provider calls under way");
    spdlog::default_logger()->flush();
    std::_Exit(0);
  }
  return 0;
}

// Settings that the file can't show to be wrong by themselves.
bool settings_are_fine(const std::string& path, const config::Model& model) {
  bool fine = true;
  for (const auto& [name, pool] : model.pools) {
    if (!pool.scaling) continue;
    const auto checked = server::check_settings(pool);
    if (checked) continue;
    std::cerr << path << ": pool \"" << name << "\": " << checked.error().detail << '\n';
    fine = false;
  }
  for (const auto& problem : server::CertificateStore::problems(model)) {
    std::cerr << path << ": " << problem << '\n';
    fine = false;
  }
  return fine;
}

int check(const Arguments& arguments) {
  const auto model = load(arguments.config_path);
  if (!model || !settings_are_fine(arguments.config_path, *model)) return kBadConfiguration;
  std::cout << arguments.config_path << ": fine" << std::endl;
  if (const auto warning = server::acme_warning(*model)) {
    std::cout << "acme: " << *warning << std::endl;
  }
  if (!arguments.online) return 0;
  std::signal(SIGPIPE, SIG_IGN);
  return server::check_online(*model, std::cout) ? 0 : 1;
}

int simulate(const Arguments& arguments) {
  const auto model = load(arguments.config_path);
  if (!model) return kBadConfiguration;
  spdlog::set_level(spdlog::level::off);  // the scaler would tell of every decision
  const auto told = server::simulate(*model, arguments.config_path, arguments.simulate);
  if (!told) {
    std::cerr << told.error().detail << '\n';
    return told.error().code == flaskscale::ErrorCode::io_error ? 1 : kBadConfiguration;
  }
  std::cout << *told;
  return 0;
}

// The options of `simulate`.
void add_simulate_options(CLI::App& command, server::SimulateOptions& options) {
  command
      .add_option("--trace", options.trace,
                  "CSV (time, requests in the interval that begins there) or an access log in "
                  "JSON")
      ->required();
  command.add_option("--pool", options.pool, "which pool, if several have scaling");
  command.add_option("--scale", options.scale, "multiplies the load")->capture_default_str();
  command.add_option("--service-time", options.service_time,
                     "mean time that a request takes, as 200ms (spread exponentially) or "
                     "constant:200ms; without it the pool's service_time_estimate");
  command
      .add_option("--boot", options.boot,
                  "boot time: 60s, 40s..80s, lognormal:60s,0.3 (median, sigma) or file:PATH "
                  "(one a line)")
      ->capture_default_str();
  command.add_option("--slo-wait", options.slo_wait, "who waits longer is late")
      ->capture_default_str();
  command.add_option("--price", options.price, "of an instance-hour")->capture_default_str();
  command.add_option("--seed", options.seed, "of the random numbers")->capture_default_str();
  command.add_option("--boot-failures", options.boot_failures, "share of boots that fail")
      ->capture_default_str();
  command.add_option("--stockout", options.stockouts,
                     "no instance can be had, as 2h..3h from the start; may be repeated");
  command.add_option("--delete-time", options.delete_time, "until a deleted instance is gone")
      ->capture_default_str();
  command.add_option("--html", options.html, "write a page that shows the run");
  command.add_flag("--json", options.json, "print one JSON object");
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
  check_command->add_flag("--online", arguments.online,
                          "also ask the providers: credentials, permissions, images, commands");
  CLI::App* const status_command =
      with_admin(app.add_subcommand("status", "Show what a running FlaskScale does."));
  CLI::App* const drain_command =
      with_backend(app.add_subcommand("drain", "Let a backend finish and give it nothing new."));
  CLI::App* const undrain_command =
      with_backend(app.add_subcommand("undrain", "Take a draining backend back."));
  CLI::App* const simulate_command = with_config(app.add_subcommand(
      "simulate", "Show what a pool's scaling would have done with a recorded load, and cost."));
  add_simulate_options(*simulate_command, arguments.simulate);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kBadConfiguration;
  }

  if (run_command->parsed()) return run(arguments);
  if (check_command->parsed()) return check(arguments);
  if (simulate_command->parsed()) return simulate(arguments);
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
