// What went wrong, whose fault it was, and whether the same thing may be tried again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flaskscale {

enum class ErrorCode : uint8_t {
  invalid_argument,
  not_found,
  already_exists,
  permission_denied,
  address_in_use,
  resolve_failed,
  connect_failed,
  connect_timed_out,
  closed_by_peer,
  timed_out,
  bad_message,
  too_large,
  unsupported,
  unavailable,
  out_of_capacity,  // nobody has the machine that is asked for, here and now
  quota_exceeded,   // there is one, but not for this account
  misconfigured,    // will fail until somebody mends a permission, an image, an address range …
  cancelled,
  io_error,
  internal,
};

enum class Origin : uint8_t { client, backend, internal };
enum class Retry : uint8_t { never, if_connection_was_reused, always };

struct Error {
  ErrorCode code = ErrorCode::internal;
  Origin origin = Origin::internal;
  Retry retry = Retry::never;
  std::string detail;  // for people; never parsed, never sent to a client
};

// The code's name in snake_case, for logs.
std::string_view to_string(ErrorCode code);

// An internal-origin error; `detail` says what was attempted and what to do about it.
Error make_error(ErrorCode code, std::string detail);

// From errno: "open /var/log/x: No such file or directory".
Error error_from_errno(int error_number, std::string_view what);

}  // namespace flaskscale
