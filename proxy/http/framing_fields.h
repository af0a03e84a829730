// What the fields of a head say about framing and the connection, before the message's own rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/http/head.h"

namespace flaskscale::http {

struct FramingFields {
  std::optional<uint64_t> content_length;
  uint32_t content_lengths = 0;     // how many Content-Length fields
  uint32_t transfer_encodings = 0;  // how many Transfer-Encoding fields
  bool chunked = false;             // the last of them is exactly "chunked"
  bool close = false;               // options of Connection
  bool keep_alive = false;
  bool upgrade_named = false;
  uint32_t upgrades = 0;     // how many Upgrade fields
  std::string_view upgrade;  // the last one's value
  uint32_t hosts = 0;
  std::string_view host;
  uint32_t expectations = 0;
  bool expects_only_continue = true;  // every Expect is "100-continue"

  // Upgrade may be acted upon: named by Connection, one field of well-formed protocols, none h2c.
  std::string_view usable_upgrade() const;
};

// Reads all fields once. Returns an empty view, or the reason of a Malformed: bad_content_length,
// duplicate_content_length, length_and_transfer_encoding, bad_connection.
std::string_view read_framing_fields(const std::vector<Field>& fields, FramingFields& framing);

}  // namespace flaskscale::http
