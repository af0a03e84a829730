#include "proxy/http/framing_fields.h"

#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"

namespace flaskscale::http {
namespace {

// Bounds the work that nominations cause: every field is compared with every option.
constexpr uint32_t kMaxConnectionOptions = 32;

// Digits only, at most 2^63 - 1, so that sums of lengths can't overflow.
std::optional<uint64_t> parse_content_length(std::string_view value) {
  constexpr uint64_t kMax = UINT64_MAX / 2;
  if (value.empty() || value.size() > 19) return std::nullopt;
  uint64_t length = 0;
  for (const char c : value) {
    if (!is_digit(c)) return std::nullopt;
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  if (length > kMax) return std::nullopt;
  return length;
}

bool read_connection(std::string_view value, uint32_t& options, FramingFields& framing) {
  return for_each_element(value, [&](std::string_view option) {
    if (++options > kMaxConnectionOptions || !is_token(option)) return false;
    if (equals_lower(option, "close")) framing.close = true;
    if (equals_lower(option, "keep-alive")) framing.keep_alive = true;
    if (equals_lower(option, "upgrade")) framing.upgrade_named = true;
    return true;
  });
}

}  // namespace

std::string_view FramingFields::usable_upgrade() const {
  if (!upgrade_named || upgrades != 1) return {};
  bool any = false;
  const bool well_formed = for_each_element(upgrade, [&](std::string_view protocol) {
    any = true;
    if (equals_lower(protocol, "h2c")) return false;
    const size_t slash = protocol.find('/');
    if (!is_token(protocol.substr(0, slash))) return false;
    return slash == std::string_view::npos || is_token(protocol.substr(slash + 1));
  });
  return any && well_formed ? upgrade : std::string_view();
}

std::string_view read_framing_fields(const std::vector<Field>& fields, FramingFields& framing) {
  uint32_t options = 0;
  for (const Field& field : fields) {
    switch (known_field(field.name)) {
      case KnownField::content_length:
        if (++framing.content_lengths > 1) return "duplicate_content_length";
        framing.content_length = parse_content_length(field.value);
        if (!framing.content_length) return "bad_content_length";
        break;
      case KnownField::transfer_encoding:
        ++framing.transfer_encodings;
        framing.chunked = equals_lower(field.value, "chunked");
        break;
      case KnownField::connection:
        if (!read_connection(field.value, options, framing)) return "bad_connection";
        break;
      case KnownField::upgrade:
        ++framing.upgrades;
        framing.upgrade = field.value;
        break;
      case KnownField::host:
        ++framing.hosts;
        framing.host = field.value;
        break;
      case KnownField::expect:
        ++framing.expectations;
        if (!equals_lower(field.value, "100-continue")) framing.expects_only_continue = false;
        break;
      default:
        break;
    }
  }
  if (framing.content_lengths > 0 && framing.transfer_encodings > 0) {
    return "length_and_transfer_encoding";
  }
  return {};
}

}  // namespace flaskscale::http
