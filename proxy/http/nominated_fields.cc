#include "proxy/http/nominated_fields.h"

#include <algorithm>

#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"

namespace flaskscale::http {
namespace {

constexpr size_t kConnectionLength = 10;

}  // namespace

NominatedFields::NominatedFields(const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    line_bytes_ += field.name.size() + field.value.size() + 4;
    if (field.name.size() != kConnectionLength) continue;
    if (known_field(field.name) != KnownField::connection) continue;
    for_each_element(field.value, [this](std::string_view option) {
      if (equals_lower(option, "close") || equals_lower(option, "keep-alive")) return true;
      if (count_ < names_.size()) names_[count_++] = option;
      return true;
    });
  }
}

bool NominatedFields::is_named(std::string_view name) const {
  for (size_t i = 0; i < count_; ++i) {
    if (std::ranges::equal(names_[i], name, {}, to_lower, to_lower)) {
      return !is_end_to_end_critical(name);
    }
  }
  return false;
}

}  // namespace flaskscale::http
