#include "proxy/http/http2_request_fields.h"

#include <algorithm>

#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"
#include "proxy/http/http2_response_fields.h"

namespace flaskscale::http {

void read_request_fields(std::string_view head, std::vector<Field>& fields) {
  fields.clear();
  const size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const size_t method_end = line.find(' ');
  const size_t path_end = line.rfind(' ');
  fields.push_back({":method", line.substr(0, method_end)});
  fields.push_back({":scheme", "http"});
  fields.push_back({":authority", {}});
  fields.push_back({":path", line.substr(method_end + 1, path_end - method_end - 1)});
  constexpr size_t kAuthority = 2;
  constexpr size_t kPseudos = 4;
  split_field_lines(head.substr(line_end + 2), fields);
  const auto first = fields.begin() + kPseudos;
  const auto kept = std::remove_if(first, fields.end(), [&](const Field& field) {
    switch (known_field(field.name)) {
      case KnownField::host:
        fields[kAuthority].value = field.value;
        return true;
      case KnownField::connection:
      case KnownField::transfer_encoding:
        return true;
      default:
        return false;
    }
  });
  fields.erase(kept, fields.end());
  if (fields[kAuthority].value.empty()) fields.erase(fields.begin() + kAuthority);
}

bool is_grpc(std::string_view content_type) {
  constexpr std::string_view kGrpc = "application/grpc";
  if (!equals_lower(content_type.substr(0, kGrpc.size()), kGrpc)) return false;
  const std::string_view rest = content_type.substr(kGrpc.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

}  // namespace flaskscale::http
