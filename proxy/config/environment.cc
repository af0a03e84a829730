#include "proxy/config/environment.h"

#include <cstdlib>
#include <string_view>

namespace flaskscale::config {
namespace {

constexpr std::string_view kLiteral = "$${";
constexpr std::string_view kOpen = "${";

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

// Takes a "${NAME}" off the front of `rest` and appends what it stands for.
void expand_variable(std::string_view& rest, std::string& out, Node& node,
                     const Environment& environment, ProblemList& problems) {
  const size_t close = rest.find('}');
  const std::string name(rest.substr(kOpen.size(), close - kOpen.size()));
  if (close == std::string_view::npos || !is_variable_name(name)) {
    problems.add(node.source, "\"${\" begins no variable such as \"${NAME}\"",
                 "write \"$${\" for a plain \"${\"");
    rest.remove_prefix(kOpen.size());
    return;
  }
  rest.remove_prefix(close + 1);
  const std::optional<std::string> value = environment(name);
  if (!value) {
    problems.add(node.source, "the environment variable " + name + " is not set");
    return;
  }
  out += *value;
  node.from_environment = true;
}

void expand_text(Node& node, const Environment& environment, ProblemList& problems) {
  if (node.text.find(kOpen) == std::string::npos) return;
  std::string expanded;
  std::string_view rest = node.text;
  while (!rest.empty()) {
    if (rest.starts_with(kLiteral)) {
      expanded += kOpen;
      rest.remove_prefix(kLiteral.size());
    } else if (rest.starts_with(kOpen)) {
      expand_variable(rest, expanded, node, environment, problems);
    } else {
      expanded += rest.front();
      rest.remove_prefix(1);
    }
  }
  node.text = std::move(expanded);
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

void expand_environment(Node& node, const Environment& environment, ProblemList& problems) {
  if (node.kind == NodeKind::text) expand_text(node, environment, problems);
  for (Node& item : node.items) expand_environment(item, environment, problems);
  for (Entry& entry : node.entries) expand_environment(entry.value, environment, problems);
}

}  // namespace flaskscale::config
