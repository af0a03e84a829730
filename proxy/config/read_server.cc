#include <algorithm>
#include <chrono>
#include <filesystem>

#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr uint32_t kMaxWorkers = 1024;
constexpr Range<uint32_t> kConnections = {1, 10'000'000};
constexpr Range<Duration> kShutdownTimeout = {Duration::zero(), hours(24)};
constexpr Range<Duration> kTimeout = {milliseconds(1), hours(7 * 24)};

constexpr std::array<Choice<LogFormat>, 2> kLogFormats = {
    {{"json", LogFormat::json}, {"text", LogFormat::text}}};

void read_workers(TableReader& server, unsigned& workers) {
  const Node* value = server.value("workers");
  if (value == nullptr) return;
  if (value->kind == NodeKind::text && value->text == "auto") {
    workers = 0;
  } else if (value->kind == NodeKind::text && !value->from_environment) {
    server.problems().add(value->source, "server.workers must be \"auto\" or a whole number");
  } else {
    server.read_count("workers", workers, {1, kMaxWorkers});
  }
}

// A path of the file system: not empty, and absolute afterwards.
void set_path(TableReader& table, std::string_view key, const Node& value,
              const ReadContext& context, std::string& target) {
  if (value.text.empty()) {
    table.problems().add(value.source, table.path_of(key) + " must not be empty");
  } else {
    target = resolve_path(context.base_directory, value.text);
  }
}

void read_access_log(TableReader& table, const ReadContext& context, AccessLogModel& log) {
  const Node* path = table.text("path");
  if (path != nullptr && (path->text == "-" || path->text == "off")) {
    log.path = path->text;
  } else if (path != nullptr) {
    set_path(table, "path", *path, context, log.path);
  }
  table.read_choice("format", log.format, kLogFormats);
  table.reject_unknown_keys();
}

void read_limits(TableReader& table, LimitsModel& limits) {
  table.read_size("header_bytes", limits.header_bytes, Range<uint32_t>{1U << 10U, 1U << 20U});
  table.read_count("headers", limits.headers, {1, 10'000});
  table.read_size("uri_bytes", limits.uri_bytes, Range<uint32_t>{64, 1U << 20U});
  table.read_size("body_bytes", limits.body_bytes, Range<uint64_t>{1, 1ULL << 50U});
  if (auto http2 = table.reader("http2")) {
    http2->read_count("streams", limits.http2.streams, {1, 10'000});
    // The protocol's own default is the least: no client expects less.
    const Range<uint32_t> window = {65'535, 1U << 30U};
    http2->read_size("stream_window", limits.http2.stream_window, window);
    http2->read_size("connection_window", limits.http2.connection_window, window);
    http2->reject_unknown_keys();
  }
  table.reject_unknown_keys();
}

void read_timeouts(TableReader& table, TimeoutsModel& timeouts) {
  table.read_duration("header", timeouts.header, kTimeout);
  table.read_duration("idle", timeouts.idle, kTimeout);
  table.read_duration("body", timeouts.body, kTimeout);
  table.read_duration("connect", timeouts.connect, kTimeout);
  table.read_duration("response", timeouts.response, kTimeout);
  table.read_duration("tunnel_idle", timeouts.tunnel_idle, kTimeout);
  table.read_duration("tunnel_total", timeouts.tunnel_total, {Duration::zero(), hours(7 * 24)});
  table.reject_unknown_keys();
}

}  // namespace

std::string resolve_path(const std::string& base_directory, const std::string& path) {
  std::string resolved = (std::filesystem::path(base_directory) / path).lexically_normal().string();
  if (resolved.size() > 1 && resolved.back() == '/') resolved.pop_back();
  return resolved;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const bool alphanumeric =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return alphanumeric ||
           (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
  });
}

bool is_valid_name(std::string_view name) {
  constexpr size_t kLongestName = 63;
  if (name.empty() || name.size() > kLongestName) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

void read_server(TableReader& root, const ReadContext& context, Model& model) {
  if (auto server = root.reader("server")) {
    read_workers(*server, model.server.workers);
    server->read_count("max_connections", model.server.max_connections, kConnections);
    server->read_duration("shutdown_timeout", model.server.shutdown_timeout, kShutdownTimeout);
    if (const Node* directory = server->text("state_dir")) {
      set_path(*server, "state_dir", *directory, context, model.server.state_dir);
    }
    server->reject_unknown_keys();
  }
  if (auto log = root.reader("access_log")) read_access_log(*log, context, model.access_log);
  if (auto limits = root.reader("limits")) read_limits(*limits, model.limits);
  if (auto timeouts = root.reader("timeouts")) read_timeouts(*timeouts, model.timeouts);
}

}  // namespace flaskscale::config
