#include "proxy/http/cookie.h"

#include "proxy/http/char_class.h"

namespace flaskscale::http {

std::string_view find_cookie(const std::vector<Field>& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (!equals_lower(field.name, "cookie")) continue;
    std::string_view list = field.value;
    while (!list.empty()) {
      const size_t semicolon = list.find(';');
      const std::string_view pair = trim(list.substr(0, semicolon));
      list.remove_prefix(semicolon == std::string_view::npos ? list.size() : semicolon + 1);
      if (pair.size() <= name.size() || !pair.starts_with(name) || pair[name.size()] != '=') {
        continue;
      }
      std::string_view value = pair.substr(name.size() + 1);
      if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
        value = value.substr(1, value.size() - 2);
      }
      return value;
    }
  }
  return {};
}

}  // namespace flaskscale::http
