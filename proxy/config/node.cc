#include "proxy/config/node.h"

#include <algorithm>

namespace flaskscale::config {

const Entry* Node::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

std::string_view describe(NodeKind kind) {
  switch (kind) {
    case NodeKind::text:
      return "a text";
    case NodeKind::integer:
      return "a whole number";
    case NodeKind::decimal:
      return "a decimal number";
    case NodeKind::boolean:
      return "true or false";
    case NodeKind::date_time:
      return "a date or time";
    case NodeKind::array:
      return "a list";
    case NodeKind::table:
      return "a table";
  }
  return "something else";
}

}  // namespace flaskscale::config
