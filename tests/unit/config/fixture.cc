#include "tests/unit/config/fixture.h"

#include <gtest/gtest.h>

#include <utility>

namespace flaskscale::config {
namespace {

constexpr std::string_view kListenerAndRoute = R"(
[listeners.web]
listen = ["127.0.0.1:8080"]
[[routes]]
pool = "app"
)";

}  // namespace

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

std::vector<std::string> problems_of(std::string_view text, const Environment& environment) {
  const Loaded loaded = load_text(text, "f", "/tmp", environment);
  EXPECT_EQ(loaded.model.has_value(), loaded.problems.empty());
  std::vector<std::string> texts;
  for (const Problem& problem : loaded.problems) texts.push_back(to_string(problem).substr(2));
  return texts;
}

Model model_of(std::string_view text, const Environment& environment) {
  Loaded loaded = load_text(text, "f", "/tmp", environment);
  for (const Problem& problem : loaded.problems) ADD_FAILURE() << to_string(problem);
  return loaded.model.value_or(Model{});
}

std::string completed(std::string_view text) {
  return std::string(text) + std::string(kListenerAndRoute) +
         "[pools.app]\nbackends = [\"10.0.0.1:80\"]\n";
}

std::string with_pool(std::string_view lines) {
  return "[pools.app]\n" + std::string(lines) + std::string(kListenerAndRoute);
}

}  // namespace flaskscale::config
