#include "proxy/http/trailer_line.h"

#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"

namespace flaskscale::http {

bool append_trailer_line(std::string_view line, std::string& out) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_token(name) || !none_has_bit(value, char_bit::kControl)) return false;
  if (known_field(name) != KnownField::unknown || is_end_to_end_critical(name)) return true;
  out.append(name).append(": ").append(value).append("\r\n");
  return true;
}

}  // namespace flaskscale::http
