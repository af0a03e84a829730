#include "proxy/config/flat_model.h"

#include <charconv>

#include "proxy/config/acme_certificates.h"
#include "proxy/config/flat_listener.h"
#include "proxy/config/flat_scaling.h"
#include "proxy/config/flat_section.h"

namespace flaskscale::config {
namespace {

std::string_view word(LogFormat format) {
  switch (format) {
    case LogFormat::json:
      return "json";
    case LogFormat::text:
      return "text";
  }
  return "";
}

std::string_view word(BalancePolicy policy) {
  switch (policy) {
    case BalancePolicy::least_connections:
      return "least_connections";
    case BalancePolicy::round_robin:
      return "round_robin";
    case BalancePolicy::random_two:
      return "random_two";
    case BalancePolicy::consistent_hash:
      return "consistent_hash";
  }
  return "";
}

std::string describe(const HashModel& hash) {
  switch (hash.source) {
    case HashSource::client:
      return "client";
    case HashSource::header:
      return "header:" + hash.name;
    case HashSource::cookie:
      return "cookie:" + hash.name;
  }
  return "";
}

std::string_view word(ProxyProtocolOut protocol) {
  switch (protocol) {
    case ProxyProtocolOut::none:
      return "";
    case ProxyProtocolOut::v1:
      return "v1";
    case ProxyProtocolOut::v2:
      return "v2";
  }
  return "";
}

std::string_view word(BackendProtocol protocol) {
  return protocol == BackendProtocol::h2c ? "h2c" : "http1";
}

std::string_view word(QueueOrder order) {
  switch (order) {
    case QueueOrder::adaptive:
      return "adaptive";
    case QueueOrder::fifo:
      return "fifo";
  }
  return "";
}

void flatten_server(const Model& model, FlatModel& flat) {
  Section server(flat, "server");
  server.put("workers",
             model.server.workers == 0 ? quoted("auto") : std::to_string(model.server.workers));
  server.count("max_connections", model.server.max_connections);
  server.duration("shutdown_timeout", model.server.shutdown_timeout);
  server.text("state_dir", model.server.state_dir);
  Section log(flat, "access_log");
  log.text("path", model.access_log.path);
  log.text("format", word(model.access_log.format));
  Section(flat, "admin").text("listen", model.admin.listen);
  if (!acme_certificates(model).empty()) {
    Section acme(flat, "acme");
    acme.text("directory", model.acme.directory);
    acme.text("ca", model.acme.ca);
    acme.text("email", model.acme.email);
    acme.text("eab_key_id", model.acme.eab_key_id);
    acme.put_hidden("eab_key", quoted(model.acme.eab_key));
  }
  Section limits(flat, "limits");
  limits.size("header_bytes", model.limits.header_bytes);
  limits.count("headers", model.limits.headers);
  limits.size("uri_bytes", model.limits.uri_bytes);
  limits.size("body_bytes", model.limits.body_bytes);
  limits.count("http2.streams", model.limits.http2.streams);
  limits.size("http2.stream_window", model.limits.http2.stream_window);
  limits.size("http2.connection_window", model.limits.http2.connection_window);
  Section timeouts(flat, "timeouts");
  timeouts.duration("header", model.timeouts.header);
  timeouts.duration("idle", model.timeouts.idle);
  timeouts.duration("body", model.timeouts.body);
  timeouts.duration("connect", model.timeouts.connect);
  timeouts.duration("response", model.timeouts.response);
  timeouts.duration("tunnel_idle", model.timeouts.tunnel_idle);
  timeouts.duration("tunnel_total", model.timeouts.tunnel_total);
}

void flatten_pool_tables(const PoolModel& pool, const Section& section) {
  Section queue = section.below("queue");
  queue.count("limit", pool.queue.limit);
  queue.size("bytes", pool.queue.bytes);
  queue.duration("timeout", pool.queue.timeout);
  queue.text("order", word(pool.queue.order));
  queue.duration("slow_after", pool.queue.slow_after);
  Section health = section.below("health");
  health.text("path", pool.health.path);
  health.duration("interval", pool.health.interval);
  health.duration("timeout", pool.health.timeout);
  health.count("rise", pool.health.rise);
  health.count("fall", pool.health.fall);
  section.below("keepalive").duration("idle", pool.keepalive_idle);
  Section retry = section.below("retry");
  retry.number("budget", pool.retry.budget);
  retry.count("floor", pool.retry.floor);
}

void flatten_pool(const PoolModel& pool, Section section) {
  section.present();
  section.text("balance", word(pool.balance));
  section.put("slots", pool.slots == 0 ? "unlimited" : std::to_string(pool.slots));
  std::vector<std::string> backends;
  for (const BackendModel& backend : pool.backends) {
    const std::string weight =
        backend.weight == 1 ? "" : " weight " + std::to_string(backend.weight);
    backends.push_back(backend.address + weight);
  }
  section.put("backends", list_of(backends));
  section.text("hash_on", describe(pool.hash_on));
  section.text("sticky_cookie", pool.sticky_cookie);
  section.put_hidden("sticky_secret", quoted(pool.sticky_secret));
  section.text("protocol", word(pool.protocol));
  section.text("proxy_protocol", word(pool.proxy_protocol));
  section.duration("slow_start", pool.slow_start);
  if (pool.tls) flatten_pool_tls(*pool.tls, section.below("tls"));
  flatten_pool_tables(pool, section);
  if (pool.scaling) flatten_scaling(*pool.scaling, section.below("scaling"));
}

// FNV-1a: tells two bodies of the same size apart.
std::string digest_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  char digits[17];
  const auto [end, error] = std::to_chars(digits, digits + 16, hash, 16);
  return {digits, error == std::errc() ? end : digits};
}

void describe_headers(std::string_view title, const HeaderEditsModel& edits, std::string& text) {
  for (const std::string& name : edits.remove) {
    text.append(", ").append(title).append(" without ").append(name);
  }
  for (const HeaderModel& header : edits.set) {
    text.append(", ").append(title).append(" ").append(header.name);
    text.append(" = ").append(quoted(header.value));
  }
  for (const HeaderModel& header : edits.add) {
    text.append(", ").append(title).append(" ").append(header.name);
    text.append(" + ").append(quoted(header.value));
  }
}

std::string describe_action(const RouteModel& route) {
  std::string text = route.pool;
  if (route.redirect) {
    text = std::to_string(route.redirect->status) + " to " + route.redirect->target;
  } else if (route.respond) {
    const RespondModel& respond = *route.respond;
    text = std::to_string(respond.status) + " " + respond.content_type + " of " +
           std::to_string(respond.body.size()) + " bytes (" + digest_of(respond.body) + ")";
    if (respond.retry_after_s != 0)
      text += ", retry after " + std::to_string(respond.retry_after_s) + "s";
  }
  if (!route.strip_prefix.empty()) text += " without " + route.strip_prefix;
  describe_headers("request", route.request_headers, text);
  describe_headers("response", route.response_headers, text);
  return text;
}

}  // namespace

FlatModel flatten(const Model& model) {
  FlatModel flat;
  flatten_server(model, flat);
  for (const ListenerModel& listener : model.listeners) {
    flatten_listener(listener, Section(flat, "listeners." + listener.name));
  }
  for (const auto& [name, pool] : model.pools) flatten_pool(pool, Section(flat, "pools." + name));
  return flat;
}

std::vector<std::string> describe_routes(const Model& model) {
  std::vector<std::string> texts;
  for (const RouteModel& route : model.routes) {
    const std::vector<std::string> any_host = {"*"};
    const std::vector<std::string> any_path = {"/"};
    std::string text;
    for (const std::string& host : route.hosts.empty() ? any_host : route.hosts) {
      for (const std::string& path : route.paths.empty() ? any_path : route.paths) {
        if (!text.empty()) text += ", ";
        text += host;
        text += path;
      }
    }
    texts.push_back(text + " -> " + describe_action(route));
  }
  return texts;
}

}  // namespace flaskscale::config
