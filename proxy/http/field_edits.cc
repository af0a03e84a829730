#include "proxy/http/field_edits.h"

#include <algorithm>

#include "proxy/http/char_class.h"

namespace flaskscale::http {

bool FieldEdits::removes(std::string_view name) const {
  return std::any_of(removed.begin(), removed.end(), [name](const std::string& lower) {
    return name.size() == lower.size() && equals_lower(name, lower);
  });
}

void FieldEdits::apply_to(std::vector<Field>& fields) const {
  if (!removed.empty()) {
    std::erase_if(fields, [this](const Field& field) { return removes(field.name); });
  }
  for (const Line& line : added) fields.push_back({line.name, line.value});
}

}  // namespace flaskscale::http
