#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

bool is_executable(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

// As execvp finds it, started in `directory`. Without a PATH there is nothing to judge by.
bool can_be_found(const std::string& program, const std::string& directory,
                  const std::optional<std::string>& search_path) {
  if (program.find('/') != std::string::npos)
    return is_executable(resolve_path(directory, program));
  if (!search_path) return true;
  std::string_view rest = *search_path;
  while (true) {
    const size_t colon = rest.find(':');
    const std::string folder(rest.substr(0, colon));
    if (is_executable(resolve_path(directory, folder + "/" + program))) return true;
    if (colon == std::string_view::npos) return false;
    rest.remove_prefix(colon + 1);
  }
}

bool is_environment_name(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

void read_environment(TableReader& process, ProcessProviderModel& model) {
  auto table = process.reader("environment");
  if (!table) return;
  for (const Entry& entry : table->node().entries) {
    if (!is_environment_name(entry.key)) {
      table->problems().add(entry.source, "\"" + entry.key + "\" is no name of a variable");
    }
    if (const Node* value = table->text(entry.key)) model.environment[entry.key] = value->text;
  }
}

void read_directory(TableReader& process, const ReadContext& context, ProcessProviderModel& model) {
  model.directory = context.base_directory;
  const Node* directory = process.text("directory");
  if (directory == nullptr) return;
  model.directory = resolve_path(context.base_directory, directory->text);
  std::error_code error;
  if (std::filesystem::is_directory(model.directory, error)) return;
  process.problems().add(
      directory->source,
      process.path_of("directory") + ": there is no directory \"" + model.directory + "\"",
      "it is relative to the folder of this file");
}

void read_command(TableReader& process, const ReadContext& context, ProcessProviderModel& model) {
  const auto words = process.required_texts("command",
                                            "the program and its arguments, such as [\"gunicorn\", "
                                            "\"--bind\", \"{address}\", \"app:app\"]");
  for (const Node* word : words) model.command.push_back(word->text);
  if (words.empty()) return;
  const std::string path = process.path_of("command");
  const std::string& program = model.command.front();
  if (program.empty()) {
    process.problems().add(words.front()->source, path + " begins with an empty text");
    return;
  }
  const auto own_path = model.environment.find("PATH");
  const auto search_path = own_path != model.environment.end() ? std::optional(own_path->second)
                                                               : context.environment("PATH");
  if (can_be_found(program, model.directory, search_path)) return;
  process.problems().add(words.front()->source,
                         path + ": the program \"" + program + "\" is not there or not executable",
                         program.find('/') == std::string::npos
                             ? "it is looked for in the PATH"
                             : "it is looked for in " + model.directory);
}

}  // namespace

void read_process_provider(TableReader& process, const ReadContext& context,
                           ProcessProviderModel& model) {
  read_environment(process, model);
  read_directory(process, context, model);
  read_command(process, context, model);
  process.read_duration("stop_grace", model.stop_grace, {Duration::zero(), std::chrono::hours(1)});
  process.reject_unknown_keys();
}

}  // namespace flaskscale::config
