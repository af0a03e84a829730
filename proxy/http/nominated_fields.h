// The fields that a head's Connection field names as meant for one connection only.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "proxy/http/head.h"

namespace flaskscale::http {

// Holds views into the head.
class NominatedFields {
 public:
  // Also adds up the bytes of all field lines.
  explicit NominatedFields(const std::vector<Field>& fields);

  // `name` is of no known meaning to the proxy, Connection names it, and it is not end-to-end
  // critical: a peer must not be able to strip what security or routing rests on (Cookie,
  // Authorization …).
  bool contains(std::string_view name) const { return count_ != 0 && is_named(name); }

  // Upper bound of the length of all field lines.
  size_t line_bytes() const { return line_bytes_; }

 private:
  bool is_named(std::string_view name) const;

  std::array<std::string_view, 32> names_;  // the parsers refuse more options than that
  size_t count_ = 0;
  size_t line_bytes_ = 0;
};

}  // namespace flaskscale::http
