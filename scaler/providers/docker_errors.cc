#include "scaler/providers/docker_errors.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "scaler/providers/docker_messages.h"

namespace flaskscale::scaler {
namespace {

struct Meaning {
  std::string_view words;  // in lower case
  ErrorCode code;
};

// The engine's status codes say little; its words, stable for many years, say what an operator has
// to know. The first that occurs counts.
constexpr Meaning kMeanings[] = {
    {"no space left on device", ErrorCode::out_of_capacity},
    {"cannot allocate memory", ErrorCode::out_of_capacity},
    {"no available ipv4 addresses", ErrorCode::out_of_capacity},
    {"no available addresses", ErrorCode::out_of_capacity},
    {"toomanyrequests", ErrorCode::quota_exceeded},
    {"pull rate limit", ErrorCode::quota_exceeded},
    {"port is already allocated", ErrorCode::address_in_use},
    {"address already in use", ErrorCode::address_in_use},
    {"cannot assign requested address", ErrorCode::misconfigured},
    {"unauthorized", ErrorCode::permission_denied},
    {"no basic auth credentials", ErrorCode::permission_denied},
    {"access denied", ErrorCode::misconfigured},
    {"access to the resource is denied", ErrorCode::misconfigured},
    {"manifest unknown", ErrorCode::misconfigured},
    {"no matching manifest", ErrorCode::misconfigured},
    {"name unknown", ErrorCode::misconfigured},
    {"repository does not exist", ErrorCode::misconfigured},
    {"invalid reference format", ErrorCode::misconfigured},
    {"executable file not found", ErrorCode::misconfigured},
    {"oci runtime create failed", ErrorCode::misconfigured},
    {"failed to create task for container", ErrorCode::misconfigured},
    {"failed to create shim", ErrorCode::misconfigured},
    {"certificate signed by unknown authority", ErrorCode::misconfigured},
    {"server gave http response to https client", ErrorCode::misconfigured},
    {"no such host", ErrorCode::unavailable},
    {"connection refused", ErrorCode::unavailable},
    {"i/o timeout", ErrorCode::unavailable},
    {"tls handshake timeout", ErrorCode::unavailable},
    {"context deadline exceeded", ErrorCode::unavailable},
    {"request canceled", ErrorCode::unavailable},
    {"unexpected eof", ErrorCode::unavailable},
    {"connection reset", ErrorCode::unavailable},
};

ErrorCode code_of_status(int status) {
  switch (status) {
    case 400:
      return ErrorCode::misconfigured;
    case 401:
    case 403:
      return ErrorCode::permission_denied;
    case 404:
      return ErrorCode::not_found;
    case 409:
      return ErrorCode::already_exists;
    case 429:
      return ErrorCode::quota_exceeded;
    case 502:
    case 503:
    case 504:
      return ErrorCode::unavailable;
    default:
      return ErrorCode::internal;
  }
}

ErrorCode meaning_of(const std::string& message, ErrorCode otherwise) {
  const std::string words = lower_case(message);
  for (const Meaning& meaning : kMeanings) {
    if (words.find(meaning.words) != std::string::npos) return meaning.code;
  }
  return otherwise;
}

}  // namespace

std::string docker_message(std::string_view body) {
  constexpr size_t kMost = 500;
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  std::string message;
  if (answer.is_object()) {
    const auto found = answer.find("message");
    if (found != answer.end() && found->is_string()) message = found->get<std::string>();
  }
  message = in_one_line(message.empty() ? body : std::string_view(message));
  if (message.size() > kMost) message.resize(kMost);
  return message;
}

bool is_engine_unreachable(const Error& error) {
  switch (error.code) {
    case ErrorCode::resolve_failed:
    case ErrorCode::connect_failed:
    case ErrorCode::connect_timed_out:
    case ErrorCode::closed_by_peer:
    case ErrorCode::timed_out:
    case ErrorCode::cancelled:
    case ErrorCode::bad_message:
    case ErrorCode::io_error:
      return true;
    default:
      return false;
  }
}

Error docker_error(int status, std::string_view body, const std::string& what) {
  const std::string message = docker_message(body);
  // A status that stands for one thing alone is not for words to change.
  const ErrorCode by_status = code_of_status(status);
  const bool is_definite = status == 401 || status == 409 || status == 429;
  const ErrorCode code = is_definite ? by_status : meaning_of(message, by_status);
  return make_error(code,
                    what + ": " + (message.empty() ? "status " + std::to_string(status) : message));
}

Error docker_pull_error(int status, const std::string& message, const std::string& image) {
  ErrorCode otherwise = code_of_status(status);
  if (otherwise == ErrorCode::not_found) otherwise = ErrorCode::misconfigured;
  const ErrorCode code = meaning_of(message, otherwise);
  std::string detail = "image " + image + " can't be pulled: ";
  detail += message.empty() ? "status " + std::to_string(status) : message;
  return make_error(code, std::move(detail));
}

}  // namespace flaskscale::scaler
