#include <algorithm>
#include <chrono>

#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

// Without it every run of the command would be about the same instance.
void require_name(TableReader& exec, std::string_view key,
                  const std::vector<std::string>& command) {
  const bool is_there = std::any_of(command.begin(), command.end(), [](const std::string& word) {
    return word.find("{name}") != std::string::npos;
  });
  if (command.empty() || is_there) return;
  exec.problems().add(exec.node().find(key)->value.source,
                      exec.path_of(key) + " does not say which instance is meant",
                      "give it {name} as a word or a part of one");
}

void read_stop_and_start(TableReader& exec, const CommandPlace& place, ExecProviderModel& model) {
  read_words(exec, "stop", place, model.stop);
  read_words(exec, "start", place, model.start);
  require_name(exec, "stop", model.stop);
  require_name(exec, "start", model.start);
  if (model.stop.empty() == model.start.empty()) return;
  const std::string_view there = model.stop.empty() ? "start" : "stop";
  const std::string_view missing = model.stop.empty() ? "stop" : "start";
  exec.problems().add(exec.node().find(there)->source,
                      exec.path_of(there) + " is of no use without " + std::string(missing));
}

}  // namespace

void read_exec_provider(TableReader& exec, const ReadContext& context, Use use,
                        ExecProviderModel& model) {
  read_variables(exec, model.environment);
  read_directory(exec, context, use, model.directory);
  const CommandPlace place{context, use, model.directory, model.environment};
  read_required_words(exec, "create", "such as [\"./create.sh\", \"{name}\"]", place, model.create);
  read_required_words(exec, "list", "such as [\"./list.sh\"]", place, model.list);
  read_required_words(exec, "delete", "such as [\"./delete.sh\", \"{name}\"]", place, model.remove);
  require_name(exec, "create", model.create);
  require_name(exec, "delete", model.remove);
  read_stop_and_start(exec, place, model);
  exec.read_duration("timeout", model.timeout, {std::chrono::seconds(1), std::chrono::hours(1)});
  read_list_intervals(exec, model.list_interval, model.list_interval_moving);
  read_zones(exec, model.zones);
  exec.reject_unknown_keys();
}

}  // namespace flaskscale::config
