#include "proxy/admin/admin_api.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/status_json.h"

namespace flaskscale::admin {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kPlain = "text/plain; charset=utf-8";

AdminResponse respond(int status, std::string_view content_type, std::string body) {
  AdminResponse response;
  response.status = status;
  response.content_type = content_type;
  response.body = std::move(body);
  return response;
}

AdminResponse fail(int status, std::string_view message) {
  return respond(status, kJson, render_error(message));
}

AdminResponse wrong_method(std::string_view allowed) {
  AdminResponse response = fail(405, "this path takes " + std::string(allowed));
  response.allow = allowed;
  return response;
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::already_exists:
    case ErrorCode::unsupported:
      return 409;
    case ErrorCode::unavailable:
    case ErrorCode::cancelled:
      return 503;
    case ErrorCode::permission_denied:
    case ErrorCode::address_in_use:
    case ErrorCode::resolve_failed:
    case ErrorCode::connect_failed:
    case ErrorCode::connect_timed_out:
    case ErrorCode::closed_by_peer:
    case ErrorCode::timed_out:
    case ErrorCode::bad_message:
    case ErrorCode::too_large:
    case ErrorCode::out_of_capacity:
    case ErrorCode::quota_exceeded:
    case ErrorCode::misconfigured:
    case ErrorCode::io_error:
    case ErrorCode::internal:
      return 500;
  }
  return 500;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    decoded.push_back(static_cast<char>(*high * 16 + *low));
    i += 2;
  }
  return decoded;
}

// The segments of a path, split before they are decoded, so that "%2F" stays within its segment.
// Absent: malformed.
std::optional<std::vector<std::string>> segments_of(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  if (path.empty() || path.front() != '/') return std::nullopt;
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    auto segment = percent_decode(path.substr(0, end));
    if (!segment) return std::nullopt;
    segments.push_back(std::move(*segment));
    path.remove_prefix(end);
  }
  return segments;
}

using Segments = std::vector<std::string>;

enum class Endpoint : uint8_t {
  none,
  health,
  readiness,
  metrics,
  status,
  decisions,
  drain,
  undrain,
};

Endpoint endpoint_of(const Segments& path) {
  if (path.size() == 1) {
    if (path[0] == "healthz") return Endpoint::health;
    if (path[0] == "readyz") return Endpoint::readiness;
    if (path[0] == "metrics") return Endpoint::metrics;
    return Endpoint::none;
  }
  if (path.size() < 3 || path[0] != "api" || path[1] != "v1") return Endpoint::none;
  if (path.size() == 3 && path[2] == "status") return Endpoint::status;
  if (path[2] != "pools") return Endpoint::none;
  if (path.size() == 5 && path[4] == "decisions") return Endpoint::decisions;
  if (path.size() == 7 && path[4] == "backends") {
    if (path[6] == "drain") return Endpoint::drain;
    if (path[6] == "undrain") return Endpoint::undrain;
  }
  return Endpoint::none;
}

bool is_changing(Endpoint endpoint) {
  return endpoint == Endpoint::drain || endpoint == Endpoint::undrain;
}

// A browser says where a page came from; other clients send no Origin.
bool is_foreign(const AdminRequest& request) {
  if (request.origin.empty()) return false;
  const size_t scheme_end = request.origin.find("://");
  return scheme_end == std::string_view::npos ||
         !equals_ignoring_case(request.origin.substr(scheme_end + 3), request.host);
}

AdminResponse respond_readiness(ServerState state) {
  return respond(state == ServerState::ready ? 200 : 503, kPlain,
                 std::string(to_string(state)) + "\n");
}

AdminResponse respond_decisions(const std::string& pool, StatusSource& source) {
  const auto decisions = source.decisions(pool);
  if (!decisions) return fail(404, "no pool is called \"" + pool + "\"");
  return respond(200, kJson, render_decisions(pool, *decisions));
}

AdminResponse respond_change(const Result<BackendChange>& change) {
  if (!change) return fail(status_of(change.error().code), change.error().detail);
  return respond(200, kJson, render_change(*change));
}

AdminResponse answer(Endpoint endpoint, const Segments& path, StatusSource& source) {
  switch (endpoint) {
    case Endpoint::none:
      break;
    case Endpoint::health:
      return respond(200, kPlain, "ok\n");
    case Endpoint::readiness:
      return respond_readiness(source.state());
    case Endpoint::metrics:
      return respond(200, kMetricsContentType, render_metrics(source.status()));
    case Endpoint::status:
      return respond(200, kJson, render_status(source.status()));
    case Endpoint::decisions:
      return respond_decisions(path[3], source);
    case Endpoint::drain:
      return respond_change(source.drain(path[3], path[5]));
    case Endpoint::undrain:
      return respond_change(source.undrain(path[3], path[5]));
  }
  return fail(404, "no such path");
}

}  // namespace

AdminResponse AdminApi::handle(const AdminRequest& request) {
  const bool is_head = request.method == "HEAD";
  AdminResponse response;
  if (const std::optional<Segments> path = segments_of(request.target); !path) {
    response = fail(400, "malformed request target");
  } else if (const Endpoint endpoint = endpoint_of(*path); endpoint == Endpoint::none) {
    response = fail(404, "no such path");
  } else if (is_changing(endpoint) && request.method != "POST") {
    response = wrong_method("POST");
  } else if (!is_changing(endpoint) && request.method != "GET" && !is_head) {
    response = wrong_method("GET, HEAD");
  } else if (is_changing(endpoint) && is_foreign(request)) {
    response = fail(403, "a page of another origin may not do this");
  } else {
    response = answer(endpoint, *path, source_);
  }
  response.head_only = is_head;
  return response;
}

}  // namespace flaskscale::admin
