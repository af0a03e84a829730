// Compiles a configuration model, joined with the live pools, into what workers serve by.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "balancer/settings.h"
#include "proxy/config/model.h"
#include "proxy/forward/snapshot.h"

namespace flaskscale::server {

balancer::PoolSettings pool_settings(const config::PoolModel& pool);

// `runtime_of` gives the live part of each pool of the model, `backend_tls_of` the TLS of its
// backends; `listeners` by ordinal. The model has
// been validated.
std::shared_ptr<const forward::Snapshot> build_snapshot(
    const config::Model& model, uint64_t generation, std::vector<forward::ListenerEntry> listeners,
    const std::function<std::shared_ptr<forward::PoolRuntime>(const std::string& pool)>& runtime_of,
    const std::function<std::shared_ptr<const net::TlsClientContext>(const std::string& pool)>&
        backend_tls_of);

// What workers need of a listener, but for its certificates and the port that it redirects to.
forward::ListenerEntry listener_entry(const config::ListenerModel& listener);

// The networks of a listener's trusted_proxies, which have been validated.
std::vector<IpNetwork> trusted_networks(const config::ListenerModel& listener);

}  // namespace flaskscale::server
