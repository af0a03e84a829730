#include "proxy/config/flat_model.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace flaskscale::config {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(text, out);
  return out + "\"";
}

std::string list_of(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ", " : "") + quoted(item);
  return out + "]";
}

std::string number(double value) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value);
  return std::string(text, result.ptr);
}

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
  }
  return "";
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

std::string_view word(ScalingMode mode) {
  switch (mode) {
    case ScalingMode::act:
      return "act";
    case ScalingMode::scale_out_only:
      return "scale_out_only";
    case ScalingMode::observe:
      return "observe";
    case ScalingMode::off:
      return "off";
  }
  return "";
}

// Puts values below one key.
class Section {
 public:
  Section(FlatModel& model, std::string path) : model_(model), path_(std::move(path)) {}

  Section below(const std::string& key) const { return Section(model_, path_ + "." + key); }
  void present() { model_[path_] = {"present", "present"}; }
  void put(const std::string& key, std::string value) {
    std::string shown = value;
    model_[path_ + "." + key] = {std::move(value), std::move(shown)};
  }
  void put_hidden(const std::string& key, const std::string& value) {
    model_[path_ + "." + key] = {quoted(value), "(hidden)"};
  }
  void count(const std::string& key, uint64_t value) { put(key, std::to_string(value)); }
  void size(const std::string& key, uint64_t bytes) {
    // Exact, unlike what is written for people elsewhere.
    put(key, parse_size(format_size(bytes)).value_or(0) == bytes ? format_size(bytes)
                                                                 : std::to_string(bytes) + "B");
  }
  void duration(const std::string& key, Duration value) { put(key, format_duration(value)); }
  void text(const std::string& key, std::string_view value) { put(key, quoted(value)); }

 private:
  FlatModel& model_;
  const std::string path_;
};

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
  Section limits(flat, "limits");
  limits.size("header_bytes", model.limits.header_bytes);
  limits.count("headers", model.limits.headers);
  limits.size("uri_bytes", model.limits.uri_bytes);
  limits.size("body_bytes", model.limits.body_bytes);
  Section timeouts(flat, "timeouts");
  timeouts.duration("header", model.timeouts.header);
  timeouts.duration("idle", model.timeouts.idle);
  timeouts.duration("body", model.timeouts.body);
  timeouts.duration("connect", model.timeouts.connect);
  timeouts.duration("response", model.timeouts.response);
  timeouts.duration("tunnel_idle", model.timeouts.tunnel_idle);
}

void flatten_process(const ProcessProviderModel& process, Section section) {
  section.put("command", list_of(process.command));
  section.text("directory", process.directory);
  section.duration("stop_grace", process.stop_grace);
  Section environment = section.below("environment");
  for (const auto& [name, value] : process.environment) environment.put_hidden(name, value);
}

void flatten_scaling(const ScalingModel& scaling, Section section) {
  section.present();
  section.text("provider", scaling.provider);
  section.text("mode", word(scaling.mode));
  section.count("min", scaling.min);
  section.count("max", scaling.max);
  section.put("availability", number(scaling.availability));
  section.duration("drain_timeout", scaling.drain_timeout);
  section.duration("boot_timeout", scaling.boot_timeout);
  section.duration("idle_to_zero", scaling.idle_to_zero);
  section.duration("scale_in_window", scaling.scale_in_window);
  section.duration("scale_in_interval", scaling.scale_in_interval);
  section.duration("boot_estimate", scaling.boot_estimate);
  section.duration("service_time_estimate", scaling.service_time_estimate);
  flatten_process(scaling.process, section.below("process"));
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
  retry.put("budget", number(pool.retry.budget));
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
  section.duration("slow_start", pool.slow_start);
  flatten_pool_tables(pool, section);
  if (pool.scaling) flatten_scaling(*pool.scaling, section.below("scaling"));
}

}  // namespace

FlatModel flatten(const Model& model) {
  FlatModel flat;
  flatten_server(model, flat);
  for (const ListenerModel& listener : model.listeners) {
    Section section(flat, "listeners." + listener.name);
    section.present();
    section.put("listen", list_of(listener.listen));
    section.put("trusted_proxies", list_of(listener.trusted_proxies));
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
    texts.push_back(text + " -> " + route.pool);
  }
  return texts;
}

}  // namespace flaskscale::config
