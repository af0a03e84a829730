#include "proxy/config/document.h"

#include <toml++/toml.h>

#include <algorithm>
#include <string>
#include <tuple>

namespace flaskscale::config {
namespace {

Source to_source(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

// As deep as the text is nested, which the TOML library limits to 256.
Node to_node(const toml::node& value, ProblemList& problems) {
  Node node;
  node.source = to_source(value.source());
  if (const auto* table = value.as_table()) {
    node.kind = NodeKind::table;
    for (const auto& [key, child] : *table) {
      node.entries.push_back(
          {std::string(key.str()), to_source(key.source()), to_node(child, problems)});
    }
    std::sort(node.entries.begin(), node.entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.source.line, a.source.column) < std::tie(b.source.line, b.source.column);
    });
  } else if (const auto* array = value.as_array()) {
    node.kind = NodeKind::array;
    for (const toml::node& item : *array) node.items.push_back(to_node(item, problems));
  } else if (const auto* text = value.as_string()) {
    node.kind = NodeKind::text;
    node.text = text->get();
    if (node.text.find('\0') != std::string::npos) {
      problems.add(node.source, "a text must not contain a NUL character");
    }
  } else if (const auto* integer = value.as_integer()) {
    node.kind = NodeKind::integer;
    node.integer = integer->get();
  } else if (const auto* decimal = value.as_floating_point()) {
    node.kind = NodeKind::decimal;
    node.decimal = decimal->get();
  } else if (const auto* boolean = value.as_boolean()) {
    node.kind = NodeKind::boolean;
    node.boolean = boolean->get();
  } else {
    node.kind = NodeKind::date_time;
  }
  return node;
}

// "Error while parsing string: unescaped …" without its first words.
std::string_view without_preamble(std::string_view description) {
  constexpr std::string_view kPreamble = "Error while parsing ";
  if (description.starts_with(kPreamble)) description.remove_prefix(kPreamble.size());
  return description;
}

}  // namespace

std::optional<Node> parse_document(std::string_view text, ProblemList& problems) {
  try {
    return to_node(toml::parse(text), problems);
  } catch (const toml::parse_error& error) {
    problems.add(to_source(error.source()),
                 "not valid TOML: " + std::string(without_preamble(error.description())));
    return std::nullopt;
  }
}

}  // namespace flaskscale::config
