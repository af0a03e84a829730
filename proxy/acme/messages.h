// The objects of RFC 8555, read from what a directory sends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/acme/problem.h"

namespace flaskscale::acme {

struct Directory {
  std::string new_nonce;
  std::string new_account;
  std::string new_order;
  std::string terms;  // URL of the terms of service; empty: none
};

enum class OrderStatus : uint8_t { pending, ready, processing, valid, invalid };

struct Order {
  OrderStatus status = OrderStatus::pending;
  std::vector<std::string> names;  // sorted, lower case
  std::vector<std::string> authorizations;
  std::string finalize;
  std::string certificate;  // empty: not there yet
  std::optional<Problem> error;
};

// `unknown`: a word that RFC 8555 does not have.
enum class PartStatus : uint8_t { pending, processing, valid, invalid, gone, unknown };

// The HTTP-01 challenge of an authorization.
struct Challenge {
  std::string url;
  std::string token;
  PartStatus status = PartStatus::unknown;
};

struct Authorization {
  PartStatus status = PartStatus::unknown;  // gone: deactivated, expired or revoked
  std::string name;
  std::optional<Challenge> http;  // absent: the directory offers no HTTP-01 for this name
  std::optional<Problem> error;   // of the challenge that failed
};

// None: not what RFC 8555 says it must be. URLs must have the scheme of `directory_url`, or be
// https; a token must be base64url.
std::optional<Directory> parse_directory(std::string_view body, std::string_view directory_url);
std::optional<Order> parse_order(std::string_view body, std::string_view directory_url);
std::optional<Authorization> parse_authorization(std::string_view body,
                                                 std::string_view directory_url);

// A URL that a directory may send us to; see above.
bool is_sound_url(std::string_view url, std::string_view directory_url);

}  // namespace flaskscale::acme
