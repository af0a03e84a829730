#include <algorithm>
#include <chrono>

#include "base/endpoint.h"
#include "base/text.h"
#include "proxy/config/host_pattern.h"
#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Range<Duration> kFromNothing = {Duration::zero(), hours(24)};
constexpr Range<Duration> kFromMillisecond = {milliseconds(1), hours(24)};
constexpr Range<uint32_t> kSlots = {1, 1'000'000};
constexpr Range<uint32_t> kWeight = {1, 1000};
constexpr Range<uint32_t> kProbes = {1, 1000};

constexpr std::array<Choice<BalancePolicy>, 4> kPolicies = {
    {{"least_connections", BalancePolicy::least_connections},
     {"round_robin", BalancePolicy::round_robin},
     {"random_two", BalancePolicy::random_two},
     {"consistent_hash", BalancePolicy::consistent_hash}}};
constexpr std::array<Choice<ProxyProtocolOut>, 3> kProxyProtocols = {
    {{"", ProxyProtocolOut::none}, {"v1", ProxyProtocolOut::v1}, {"v2", ProxyProtocolOut::v2}}};
constexpr std::array<Choice<QueueOrder>, 2> kOrders = {
    {{"adaptive", QueueOrder::adaptive}, {"fifo", QueueOrder::fifo}}};

constexpr std::array<Choice<BackendProtocol>, 2> kProtocols = {
    {{"http1", BackendProtocol::http1}, {"h2c", BackendProtocol::h2c}}};

void add_known_backend(TableReader& pool, const Node& address, const std::string& text,
                       uint32_t weight, PoolModel& model) {
  for (const BackendModel& other : model.backends) {
    if (other.address != text) continue;
    pool.problems().add(address.source,
                        pool.path_of("backends") + ": \"" + text + "\" is there twice",
                        "give it a weight instead");
    return;
  }
  model.backends.push_back({text, weight});
}

void add_backend(TableReader& pool, const Node& address, uint32_t weight, PoolModel& model) {
  constexpr std::string_view kHint = "a host and a port, such as \"10.0.0.5:8000\"";
  const std::string path = pool.path_of("backends");
  if (is_unix_address(address.text)) {
    const Result<std::string> socket = parse_unix_address(address.text);
    if (socket) {
      add_known_backend(pool, address, address.text, weight, model);
    } else {
      pool.problems().add(address.source, path + ": " + socket.error().detail);
    }
    return;
  }
  const Result<Endpoint> endpoint = parse_endpoint(address.text);
  if (!endpoint) {
    pool.problems().add(address.source, path + ": " + endpoint.error().detail, std::string(kHint));
    return;
  }
  if (endpoint->port == 0) {
    pool.problems().add(address.source,
                        path + ": \"" + address.text + "\" has no port to connect to",
                        std::string(kHint));
    return;
  }
  add_known_backend(pool, address, lower_case(to_string(*endpoint)), weight, model);
}

void read_weighted_backend(TableReader& pool, const Node& item, PoolModel& model) {
  TableReader table(item, pool.path_of("backends"), pool.problems());
  uint32_t weight = 1;
  table.read_count("weight", weight, kWeight);
  if (const Node* address = table.text("address")) {
    add_backend(pool, *address, weight, model);
  } else if (item.find("address") == nullptr) {
    pool.problems().add(item.source, pool.path_of("backends") + ": a backend without an address");
  }
  table.reject_unknown_keys();
}

void read_backends(TableReader& pool, PoolModel& model) {
  const Node* list = pool.array("backends");
  if (list == nullptr) return;
  for (const Node& item : list->items) {
    if (item.kind == NodeKind::text) {
      add_backend(pool, item, 1, model);
    } else if (item.kind == NodeKind::table) {
      read_weighted_backend(pool, item, model);
    } else {
      pool.problems().add(item.source, pool.path_of("backends") + " must hold addresses, not " +
                                           std::string(describe(item.kind)));
    }
  }
}

void read_queue(TableReader table, QueueModel& queue) {
  table.read_count("limit", queue.limit, {0, 1'000'000});
  table.read_size("bytes", queue.bytes, Range<uint64_t>{0, 1ULL << 40U});
  table.read_duration("timeout", queue.timeout, kFromMillisecond);
  table.read_choice("order", queue.order, kOrders);
  table.read_duration("slow_after", queue.slow_after, kFromMillisecond);
  table.reject_unknown_keys();
}

void read_health(TableReader table, HealthModel& health) {
  if (const Node* path = table.text("path")) {
    if (path->text.empty()) {
      health.path.clear();
    } else if (auto target = check_request_path(path->text)) {
      health.path = path->text;
    } else {
      table.problems().add(path->source, table.path_of("path") + ": " + target.error().detail);
    }
  }
  table.read_duration("interval", health.interval, {milliseconds(10), hours(1)});
  table.read_duration("timeout", health.timeout, {milliseconds(1), hours(1)});
  table.read_count("rise", health.rise, kProbes);
  table.read_count("fall", health.fall, kProbes);
  table.reject_unknown_keys();
}

void read_small_tables(TableReader& pool, PoolModel& model) {
  if (auto queue = pool.reader("queue")) read_queue(std::move(*queue), model.queue);
  if (auto health = pool.reader("health")) read_health(std::move(*health), model.health);
  if (auto keepalive = pool.reader("keepalive")) {
    keepalive->read_duration("idle", model.keepalive_idle, kFromNothing);
    keepalive->reject_unknown_keys();
  }
  if (auto retry = pool.reader("retry")) {
    retry->read_ratio("budget", model.retry.budget, {0, 10});
    retry->read_count("floor", model.retry.floor, {0, 10'000});
    retry->reject_unknown_keys();
  }
}

// "client", "header:X-User", "cookie:session".
void read_hash_on(TableReader& pool, HashModel& hash) {
  const Node* text = pool.text("hash_on");
  if (text == nullptr) return;
  const size_t colon = text->text.find(':');
  const std::string_view source = std::string_view(text->text).substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : text->text.substr(colon + 1);
  if (text->text == "client") {
    hash = {};
  } else if (source == "header" && is_token(name)) {
    hash = {HashSource::header, name};
  } else if (source == "cookie" && is_token(name)) {
    hash = {HashSource::cookie, name};
  } else {
    pool.problems().add(text->source, pool.path_of("hash_on") +
                                          " must be \"client\", \"header:NAME\" or "
                                          "\"cookie:NAME\"");
  }
}

// Which backend a client comes back to.
void read_affinity(TableReader& pool, PoolModel& model) {
  read_hash_on(pool, model.hash_on);
  const Entry* hash_on = pool.node().find("hash_on");
  if (hash_on != nullptr && model.balance != BalancePolicy::consistent_hash) {
    pool.problems().add(hash_on->source,
                        pool.path_of("hash_on") + " needs balance = \"consistent_hash\"");
  }
  const Node* cookie = pool.text("sticky_cookie");
  if (cookie != nullptr && !cookie->text.empty()) {
    if (is_token(cookie->text)) {
      model.sticky_cookie = cookie->text;
    } else {
      pool.problems().add(cookie->source, pool.path_of("sticky_cookie") + ": \"" + cookie->text +
                                              "\" is no name of a cookie");
    }
  }
  pool.read_text("sticky_secret", model.sticky_secret);
}

// Neither can be had of connections that many clients share in cleartext.
void reject_with_h2c(TableReader& pool, const PoolModel& model) {
  if (model.protocol != BackendProtocol::h2c) return;
  if (const Entry* const tls = pool.node().find("tls")) {
    pool.problems().add(tls->source,
                        pool.path_of("tls") + " and protocol = \"h2c\" exclude each other",
                        "h2c is HTTP/2 without TLS; with TLS, backends speak \"http1\"");
  }
  if (model.proxy_protocol == ProxyProtocolOut::none) return;
  pool.problems().add(
      pool.node().find("proxy_protocol")->source,
      pool.path_of("proxy_protocol") + " and protocol = \"h2c\" exclude each other",
      "the header speaks for one client, and the connection serves many: use X-Forwarded-For");
}

void read_pool(TableReader pool, const ReadContext& context, PoolModel& model) {
  pool.read_choice("balance", model.balance, kPolicies);
  pool.read_count("slots", model.slots, kSlots);
  read_backends(pool, model);
  pool.read_duration("slow_start", model.slow_start, kFromNothing);
  pool.read_choice("protocol", model.protocol, kProtocols);
  read_affinity(pool, model);
  pool.read_choice("proxy_protocol", model.proxy_protocol, kProxyProtocols);
  read_pool_tls(pool, context, model);
  read_small_tables(pool, model);
  model.health.proxy_protocol = model.proxy_protocol;
  model.health.protocol = model.protocol;
  reject_with_h2c(pool, model);
  if (model.tls && model.proxy_protocol != ProxyProtocolOut::none) {
    pool.problems().add(pool.node().find("proxy_protocol")->source,
                        pool.path_of("proxy_protocol") + " and tls exclude each other",
                        "the header would have to come before the handshake");
  }
  read_scaling(pool, context, model);
  pool.reject_unknown_keys();

  const Node& table = pool.node();
  const Entry* scaling = table.find("scaling");
  const Entry* backends = table.find("backends");
  if (scaling == nullptr && (backends == nullptr || (backends->value.kind == NodeKind::array &&
                                                     backends->value.items.empty()))) {
    pool.problems().add(table.source,
                        "pool \"" + model.name + "\" has neither backends nor scaling",
                        "add backends = [\"10.0.0.5:8000\"] or [pools." + model.name + ".scaling]");
  }
  if (scaling != nullptr && table.find("slots") == nullptr) {
    pool.problems().add(scaling->value.source, pool.path_of("slots") + " is required with scaling",
                        "what one instance works on at a time; with gunicorn workers × threads");
  }
}

}  // namespace

void read_pools(TableReader& root, const ReadContext& context, Model& model) {
  auto pools = root.reader("pools");
  if (!pools) return;
  for (const Entry& entry : pools->node().entries) {
    if (!is_valid_name(entry.key)) {
      root.problems().add(entry.source,
                          "pool name \"" + entry.key + "\" must be 1 to 63 of a-z, 0-9, _ and -");
    }
    PoolModel pool;
    pool.name = entry.key;
    pool.source = entry.source;
    if (auto table = pools->reader(entry.key)) read_pool(std::move(*table), context, pool);
    model.pools.emplace(entry.key, std::move(pool));
  }
}

}  // namespace flaskscale::config
