// The compiled configuration that workers serve by: immutable, replaced as a whole by a reload.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "balancer/pool.h"
#include "balancer/traffic_counters.h"
#include "base/ip_address.h"
#include "base/keyed_hash.h"
#include "proxy/config/model.h"
#include "proxy/config/router.h"
#include "proxy/forward/route_action.h"
#include "proxy/http/proxy_protocol.h"
#include "proxy/net/tls_client_context.h"
#include "proxy/net/tls_context.h"

namespace flaskscale::forward {

// The live part of a pool. It belongs to the server's registry, is found by name and outlives
// reloads; snapshots and workers share it, because either may be the last to let go.
struct PoolRuntime {
  PoolRuntime(std::string name, const balancer::PoolSettings& settings, uint16_t workers)
      : pool(std::move(name), settings, workers), counters(workers) {}

  balancer::Pool pool;
  std::vector<balancer::TrafficCounters> counters;  // one for each worker, written by it alone
};

constexpr http::ProxyProtocol proxy_protocol_of(config::ProxyProtocolOut protocol) {
  switch (protocol) {
    case config::ProxyProtocolOut::none:
      return http::ProxyProtocol::none;
    case config::ProxyProtocolOut::v1:
      return http::ProxyProtocol::v1;
    case config::ProxyProtocolOut::v2:
      return http::ProxyProtocol::v2;
  }
  return http::ProxyProtocol::none;
}

// How a worker treats the requests of a pool: the values that a reload may change.
struct PoolTraits {
  bool hashes = false;  // by hash_on
  config::HashModel hash_on = {};
  std::string sticky_cookie = {};  // empty: none
  HashKey sticky_key = {};
  http::ProxyProtocol proxy_protocol = http::ProxyProtocol::none;  // each connection begins with it
  bool h2c = false;                                                // backends speak HTTP/2
  std::shared_ptr<const net::TlsClientContext> tls = {};           // null: cleartext
};

struct PoolEntry {
  std::shared_ptr<PoolRuntime> runtime;
  Duration keepalive_idle{};
  PoolTraits traits = {};
};

struct RouteEntry {
  static constexpr size_t kNoPool = static_cast<size_t>(-1);

  size_t pool = kNoPool;  // index into the snapshot's pools; none: the action answers
  RouteAction action;
};

struct ListenerEntry {
  std::string name = {};
  std::vector<IpNetwork> trusted_proxies = {};
  bool trusts_unix = false;                         // peers over a Unix socket are trusted proxies
  bool proxy_protocol = false;                      // trusted proxies send PROXY headers
  std::shared_ptr<const net::TlsContext> tls = {};  // null: cleartext
  bool http2 = false;                               // spoken here, by ALPN or by its first bytes
  std::optional<uint16_t> redirect_to_https = {};   // to this port, instead of serving
  std::string hsts = {};                            // the field's value; empty: none

  // Connections begin with something else than HTTP/1.1.
  bool needs_greeting() const { return proxy_protocol || http2 || tls != nullptr; }

  // Whether what a peer says of its own peer is believed. Over a Unix socket: the unspecified
  // address.
  bool trusts(const IpAddress& peer) const {
    if (peer == IpAddress()) return trusts_unix;
    return std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                       [&](const IpNetwork& network) { return network.contains(peer); });
  }
};

struct Snapshot {
  uint64_t generation = 0;
  uint32_t max_connections = 0;
  config::LimitsModel limits;
  config::TimeoutsModel timeouts;
  config::Router router;
  std::vector<RouteEntry> routes;  // as the router counts them
  std::vector<PoolEntry> pools;
  std::vector<ListenerEntry> listeners;
  bool tells_ends =
      false;  // some pool's backends are told by a PROXY header who connects with whom
};

}  // namespace flaskscale::forward
