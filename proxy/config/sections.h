// The readers of the file's sections: each fills its part of the model and adds what is wrong to
// the problems.
#pragma once

#include <string>

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

// `path` against the base directory, without "." and "..".
std::string resolve_path(const std::string& base_directory, const std::string& path);

// A name of a pool or listener: it becomes a label of metrics and a part of addresses.
bool is_valid_name(std::string_view name);

// [server], [access_log], [limits], [timeouts].
void read_server(TableReader& root, const ReadContext& context, Model& model);
// [admin] and [listeners.NAME].
void read_listeners(TableReader& root, Model& model);
// [pools.NAME].
void read_pools(TableReader& root, const ReadContext& context, Model& model);
// [pools.NAME.scaling]; `pool` is that pool's table.
void read_scaling(TableReader& pool, const ReadContext& context, PoolModel& model);
// [pools.NAME.scaling.process]; `process` is that table.
void read_process_provider(TableReader& process, const ReadContext& context,
                           ProcessProviderModel& model);
// [[routes]], after the pools.
void read_routes(TableReader& root, Model& model);

}  // namespace flaskscale::config
