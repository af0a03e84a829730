#include "proxy/http/head.h"

#include "proxy/http/char_class.h"

namespace flaskscale::http {

void RequestHead::clear() {
  method = Method::get;
  method_text = target = authority = path = upgrade = {};
  form = TargetForm::origin;
  version = Version::http11;
  fields.clear();
  framing = Framing::none;
  content_length = 0;
  keep_alive = false;
  expect_continue = false;
}

void ResponseHead::clear() {
  status = 0;
  reason = upgrade = {};
  version = Version::http11;
  fields.clear();
  framing = Framing::none;
  content_length = 0;
  keep_alive = false;
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::put:
    case Method::delete_:
    case Method::options:
    case Method::trace:
      return true;
    case Method::post:
    case Method::connect:
    case Method::patch:
    case Method::other:
      return false;
  }
  return false;
}

std::string_view find_field(const std::vector<Field>& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (field.name.size() != name.size()) continue;
    bool equal = true;
    for (size_t i = 0; i < name.size() && equal; ++i) {
      equal = to_lower(field.name[i]) == to_lower(name[i]);
    }
    if (equal) return field.value;
  }
  return {};
}

}  // namespace flaskscale::http
