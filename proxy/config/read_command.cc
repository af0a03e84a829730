// Commands of the configuration file: their words, where they run and what is in their environment.
#include <unistd.h>

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

}  // namespace

void read_variables(TableReader& table, Variables& variables) {
  auto environment = table.reader("environment");
  if (!environment) return;
  for (const Entry& entry : environment->node().entries) {
    if (!is_environment_name(entry.key)) {
      environment->problems().add(entry.source, "\"" + entry.key + "\" is no name of a variable");
    }
    if (const Node* value = environment->text(entry.key)) variables[entry.key] = value->text;
  }
}

void read_directory(TableReader& table, const ReadContext& context, Use use,
                    std::string& directory) {
  directory = context.base_directory;
  const Node* written = table.text("directory");
  if (written == nullptr) return;
  directory = resolve_path(context.base_directory, written->text);
  std::error_code error;
  if (use == Use::unused || std::filesystem::is_directory(directory, error)) return;
  table.problems().add(written->source,
                       table.path_of("directory") + ": there is no directory \"" + directory + "\"",
                       "it is relative to the folder of this file");
}

void read_file_path(TableReader& table, std::string_view key, const ReadContext& context, Use use,
                    std::string& target) {
  const Node* written = table.text(key);
  if (written == nullptr || written->text.empty()) return;
  target = resolve_path(context.base_directory, written->text);
  std::error_code error;
  if (use == Use::unused || std::filesystem::exists(target, error)) return;
  table.problems().add(written->source,
                       table.path_of(key) + ": there is no file \"" + target + "\"",
                       "it is relative to the folder of this file");
}

void check_command(ProblemList& problems, const std::string& path, Source source,
                   const std::vector<std::string>& command, const CommandPlace& place) {
  if (command.empty()) return;
  const std::string& program = command.front();
  if (program.empty()) {
    problems.add(source, path + " begins with an empty text");
    return;
  }
  if (place.use == Use::unused) return;
  const auto own_path = place.variables.find("PATH");
  const auto search_path = own_path != place.variables.end() ? std::optional(own_path->second)
                                                             : place.context.environment("PATH");
  if (can_be_found(program, place.directory, search_path)) return;
  problems.add(source, path + ": the program \"" + program + "\" is not there or not executable",
               program.find('/') == std::string::npos ? "it is looked for in the PATH"
                                                      : "it is looked for in " + place.directory);
}

void read_words(TableReader& table, std::string_view key, const CommandPlace& place,
                std::vector<std::string>& command) {
  const auto words = table.texts(key);
  for (const auto* word : words) command.push_back(word->text);
  if (!words.empty()) {
    check_command(table.problems(), table.path_of(key), words.front()->source, command, place);
  }
}

void read_required_words(TableReader& table, std::string_view key, std::string_view hint,
                         const CommandPlace& place, std::vector<std::string>& command) {
  const auto words = table.required_texts(key, hint);
  for (const auto* word : words) command.push_back(word->text);
  if (!words.empty()) {
    check_command(table.problems(), table.path_of(key), words.front()->source, command, place);
  }
}

}  // namespace flaskscale::config
