#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace flaskscale {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::permission_denied:
      return "permission_denied";
    case ErrorCode::address_in_use:
      return "address_in_use";
    case ErrorCode::resolve_failed:
      return "resolve_failed";
    case ErrorCode::connect_failed:
      return "connect_failed";
    case ErrorCode::connect_timed_out:
      return "connect_timed_out";
    case ErrorCode::closed_by_peer:
      return "closed_by_peer";
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::bad_message:
      return "bad_message";
    case ErrorCode::too_large:
      return "too_large";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::out_of_capacity:
      return "out_of_capacity";
    case ErrorCode::quota_exceeded:
      return "quota_exceeded";
    case ErrorCode::misconfigured:
      return "misconfigured";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::io_error:
      return "io_error";
    case ErrorCode::internal:
      return "internal";
  }
  return "unknown";
}

Error make_error(ErrorCode code, std::string detail) {
  return Error{code, Origin::internal, Retry::never, std::move(detail)};
}

Error error_from_errno(int error_number, std::string_view what) {
  ErrorCode code = ErrorCode::io_error;
  switch (error_number) {
    case ENOENT:
      code = ErrorCode::not_found;
      break;
    case EEXIST:
      code = ErrorCode::already_exists;
      break;
    case EACCES:
    case EPERM:
      code = ErrorCode::permission_denied;
      break;
    case EADDRINUSE:
      code = ErrorCode::address_in_use;
      break;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
      code = ErrorCode::connect_failed;
      break;
    case ETIMEDOUT:
      code = ErrorCode::timed_out;
      break;
    case ECONNRESET:
    case EPIPE:
      code = ErrorCode::closed_by_peer;
      break;
    default:
      break;
  }
  return make_error(code, std::string(what) + ": " +
                              std::error_code(error_number, std::generic_category()).message());
}

}  // namespace flaskscale
