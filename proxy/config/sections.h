// The readers of the file's sections: each fills its part of the model and adds what is wrong to
// the problems.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "proxy/config/environment.h"
#include "proxy/config/model.h"
#include "proxy/config/problem_list.h"
#include "proxy/config/table_reader.h"

namespace flaskscale::config {

// What the readers need beside the file.
struct ReadContext {
  const Environment& environment;
  std::string base_directory;  // of relative paths; absolute, without a slash at the end
};

// Whether what is read will be used: only then the programs and files it names must be there.
enum class Use : uint8_t { used, unused };

// Where a command runs, and with what.
struct CommandPlace {
  const ReadContext& context;
  Use use;
  const std::string& directory;
  const Variables& variables;
};

// `path` against the base directory, without "." and "..".
std::string resolve_path(const std::string& base_directory, const std::string& path);

// A name of a pool or listener: it becomes a label of metrics and a part of addresses.
bool is_valid_name(std::string_view name);
// A token of RFC 9110, as names of header fields and cookies are.
bool is_token(std::string_view text);

// [server], [access_log], [limits], [timeouts].
void read_server(TableReader& root, const ReadContext& context, Model& model);
// [admin] and [listeners.NAME].
void read_listeners(TableReader& root, const ReadContext& context, Model& model);
// What of [listeners.NAME] concerns TLS.
void read_listener_tls(TableReader& listener, const ReadContext& context, ListenerModel& model);
// The key "acme" of a certificate: a domain name or a list of them.
void read_acme_names(TableReader& certificate, std::vector<std::string>& names);
// [acme], after the listeners.
void read_acme(TableReader& root, const ReadContext& context, Model& model);
// The key "tls" of [pools.NAME].
void read_pool_tls(TableReader& pool, const ReadContext& context, PoolModel& model);
// [pools.NAME].
void read_pools(TableReader& root, const ReadContext& context, Model& model);
// [pools.NAME.scaling]; `pool` is that pool's table.
void read_scaling(TableReader& pool, const ReadContext& context, PoolModel& model);
// [pools.NAME.scaling.process], .docker, .gce and .exec: the reader is that table's.
void read_process_provider(TableReader& process, const ReadContext& context, Use use,
                           ProcessProviderModel& model);
void read_docker_provider(TableReader& docker, const ReadContext& context, Use use,
                          DockerProviderModel& model);
void read_gce_provider(TableReader& gce, const ReadContext& context, Use use,
                       GceProviderModel& model);
void read_exec_provider(TableReader& exec, const ReadContext& context, Use use,
                        ExecProviderModel& model);
// schedule and on_event of [pools.NAME.scaling].
void read_schedule(TableReader& scaling, uint32_t max, std::vector<ScheduleModel>& schedule);
void read_hooks(TableReader& scaling, const ReadContext& context, std::vector<HookModel>& hooks);
// [[routes]], after the pools.
void read_routes(TableReader& root, const ReadContext& context, Model& model);
// What a route does beside naming a pool.
void read_route_action(TableReader& route, const ReadContext& context, RouteModel& model);

// --- What several of them have in common

// The key "environment": a table of texts.
void read_variables(TableReader& table, Variables& variables);
// The key "directory", which must be there; default: the file's folder.
void read_directory(TableReader& table, const ReadContext& context, Use use,
                    std::string& directory);
// A file that must be there; empty: none.
void read_file_path(TableReader& table, std::string_view key, const ReadContext& context, Use use,
                    std::string& target);
// The key "zones": different names in order of preference.
void read_zones(TableReader& table, std::vector<std::string>& zones);
// The keys "list_interval" and "list_interval_moving".
void read_list_intervals(TableReader& table, Duration& at_rest, Duration& moving);
// A command: a list of words, the first a program that is there. `hint`: what to write if the key
// is missing.
void read_words(TableReader& table, std::string_view key, const CommandPlace& place,
                std::vector<std::string>& command);
void read_required_words(TableReader& table, std::string_view key, std::string_view hint,
                         const CommandPlace& place, std::vector<std::string>& command);
// What is wrong with a command's first word; `path` is its key in messages.
void check_command(ProblemList& problems, const std::string& path, Source source,
                   const std::vector<std::string>& command, const CommandPlace& place);
// "http://…" or "https://…" with a host.
bool is_http_url(std::string_view text);

}  // namespace flaskscale::config
