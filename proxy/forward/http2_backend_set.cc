#include "proxy/forward/http2_backend_set.h"

#include <algorithm>
#include <utility>

#include "proxy/forward/http2_backend_connection.h"
#include "proxy/forward/worker_services.h"

namespace flaskscale::forward {
namespace {

// An idle connection that has rested longer is asked whether its peer is still there.
constexpr Duration kTrustedStreamRest = std::chrono::milliseconds(50);

}  // namespace

Http2BackendSet::Http2BackendSet() = default;

Http2BackendSet::~Http2BackendSet() { retire_all(); }

Result<Http2BackendSet::Lent> Http2BackendSet::lend(WorkerServices& services,
                                                    balancer::Backend& backend,
                                                    Exchange& exchange) {
  if (Http2BackendConnection* const found = find_room(services, backend.id())) {
    return Lent{found->add_stream(exchange), found->is_connected()};
  }
  auto made = std::make_unique<Http2BackendConnection>(services, *this, backend.id());
  if (auto begun = made->connect(backend.address()); !begun) return std::move(begun).error();
  Connections& connections = connections_[backend.id()];
  connections.push_back(std::move(made));
  return Lent{connections.back()->add_stream(exchange), false};
}

// The first ones are filled up first, so that the last can rest and go.
Http2BackendConnection* Http2BackendSet::find_room(WorkerServices& services, uint64_t backend_id) {
  const auto found = connections_.find(backend_id);
  if (found == connections_.end()) return nullptr;
  for (const auto& connection : found->second) {
    if (!connection->has_room()) continue;
    const bool rested = connection->idle_since.is_armed() &&
                        services.loop.now() - connection->idle_since.since() > kTrustedStreamRest;
    if (!rested || connection->is_quiet()) return connection.get();
    connection->retire();  // leaves the list
    return find_room(services, backend_id);
  }
  return nullptr;
}

void Http2BackendSet::check_idle(Time now, Duration limit) {
  while (void* aged = idle_age_.take_expired(now, limit)) {
    static_cast<Http2BackendConnection*>(aged)->retire();
  }
}

void Http2BackendSet::retire_all() {
  std::vector<Http2BackendConnection*> all;
  for (const auto& [id, connections] : connections_) {
    for (const auto& connection : connections) all.push_back(connection.get());
  }
  for (Http2BackendConnection* const connection : all) connection->retire();
}

void Http2BackendSet::rest(Http2BackendConnection& connection, Time now) {
  idle_age_.restart(connection.idle_since, &connection, now);
}

void Http2BackendSet::remove(Http2BackendConnection& connection) {
  const auto found = connections_.find(connection.backend_id());
  if (found == connections_.end()) return;
  Connections& connections = found->second;
  const auto here = std::find_if(connections.begin(), connections.end(),
                                 [&](const auto& entry) { return entry.get() == &connection; });
  if (here == connections.end()) return;
  auto taken = std::move(*here);
  connections.erase(here);
  if (connections.empty()) connections_.erase(found);
  Http2BackendConnection::destroy_later(std::move(taken));
}

}  // namespace flaskscale::forward
