// One worker's side of a pool: its view, its idle backend connections, its counters.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "balancer/pool.h"
#include "base/timeout_list.h"
#include "proxy/forward/http2_backend_set.h"
#include "proxy/forward/snapshot.h"

namespace flaskscale::forward {

class BackendConnection;
class WorkerServices;

// Worker thread only.
class LocalPool {
 public:
  LocalPool(std::shared_ptr<PoolRuntime> runtime, uint16_t worker, uint64_t seed);
  ~LocalPool();
  LocalPool(const LocalPool&) = delete;
  LocalPool& operator=(const LocalPool&) = delete;

  balancer::Pool& pool() { return runtime_->pool; }
  const std::shared_ptr<PoolRuntime>& runtime() const { return runtime_; }
  balancer::PoolView& view() { return view_; }
  balancer::TrafficCounters& counters() { return counters_; }

  // The connection last used with that backend (warm; the others can age), or null. It left the
  // idle list.
  std::unique_ptr<BackendConnection> take_idle(uint64_t backend_id);
  // Keeps a connection for the next request. Its backend must still take requests.
  void keep_idle(std::unique_ptr<BackendConnection> connection, Time now);
  // Retires one idle connection: its peer closed it, it aged, or its backend drains.
  void drop_idle(BackendConnection& connection);

  // Of backends that speak HTTP/2: shared, and never among the above.
  Http2BackendSet& http2() { return http2_; }

  // Drops what has been idle for longer than the pool allows.
  void check_idle(Time now);
  void drop_all_idle();
  void check_queue(Time now);

  // Of the current snapshot.
  Duration keepalive_idle{};
  PoolTraits traits;
  // Waiting exchanges: up to the pool's queue time-out in the first list; those whose hold time has
  // stretched are asked again each second in the second.
  TimeoutList queued;
  TimeoutList stretched;

 private:
  std::shared_ptr<PoolRuntime> runtime_;
  balancer::TrafficCounters& counters_;
  balancer::PoolView view_;
  TimeoutList idle_age_;
  std::unordered_map<uint64_t, std::vector<std::unique_ptr<BackendConnection>>>
      idle_;  // by backend id
  Http2BackendSet http2_;
};

}  // namespace flaskscale::forward
