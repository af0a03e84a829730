// What a route changes about the header fields of a message.
#pragma once

#include <string>
#include <vector>

#include "proxy/http/head.h"

namespace flaskscale::http {

// Immutable once made: any thread. The names are none of the protected ones (framing, hop-by-hop,
// forwarding): the configuration refuses those.
struct FieldEdits {
  struct Line {
    std::string name;
    std::string value;
  };
  std::vector<std::string> removed;  // lower case: also of what is set
  std::vector<Line> added;           // after that

  bool empty() const { return removed.empty() && added.empty(); }
  bool removes(std::string_view name) const;

  // `fields` without what is removed; what is added stands at its end. Views into the edits.
  void apply_to(std::vector<Field>& fields) const;
};

}  // namespace flaskscale::http
