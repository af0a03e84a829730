#include "proxy/forward/local_pool.h"

#include <algorithm>

#include "proxy/forward/backend_connection.h"
#include "proxy/forward/exchange.h"

namespace flaskscale::forward {
namespace {

constexpr Duration kStretchedRecheck = std::chrono::seconds(1);

}  // namespace

LocalPool::LocalPool(std::shared_ptr<PoolRuntime> runtime, uint16_t worker, uint64_t seed)
    : runtime_(std::move(runtime)),
      counters_(runtime_->counters[worker]),
      view_(runtime_->pool.make_view(worker, seed)) {}

LocalPool::~LocalPool() { drop_all_idle(); }

std::unique_ptr<BackendConnection> LocalPool::take_idle(uint64_t backend_id) {
  const auto found = idle_.find(backend_id);
  if (found == idle_.end() || found->second.empty()) return nullptr;
  auto connection = std::move(found->second.back());
  found->second.pop_back();
  return connection;
}

void LocalPool::keep_idle(std::unique_ptr<BackendConnection> connection, Time now) {
  idle_age_.restart(connection->idle_since, connection.get(), now);
  idle_[connection->backend_id()].push_back(std::move(connection));
}

void LocalPool::drop_idle(BackendConnection& connection) {
  const auto found = idle_.find(connection.backend_id());
  if (found == idle_.end()) return;
  auto& list = found->second;
  const auto here = std::find_if(list.begin(), list.end(),
                                 [&](const auto& entry) { return entry.get() == &connection; });
  if (here == list.end()) return;
  auto taken = std::move(*here);
  list.erase(here);
  if (list.empty()) idle_.erase(found);
  BackendConnection::discard(std::move(taken));
}

void LocalPool::check_idle(Time now) {
  while (void* aged = idle_age_.take_expired(now, keepalive_idle)) {
    drop_idle(*static_cast<BackendConnection*>(aged));
  }
  http2_.check_idle(now, keepalive_idle);
  // Backends come and go with their instances.
  std::erase_if(idle_, [](const auto& entry) { return entry.second.empty(); });
}

void LocalPool::drop_all_idle() {
  for (auto& [id, list] : idle_) {
    for (auto& connection : list) BackendConnection::discard(std::move(connection));
  }
  idle_.clear();
  http2_.retire_all();
}

void LocalPool::check_queue(Time now) {
  const Duration timeout = pool().settings().queue_timeout;
  while (void* due = queued.take_expired(now, timeout))
    static_cast<Exchange*>(due)->on_queue_deadline(now);
  while (void* due = stretched.take_expired(now, kStretchedRecheck)) {
    static_cast<Exchange*>(due)->on_queue_deadline(now);
  }
}

}  // namespace flaskscale::forward
