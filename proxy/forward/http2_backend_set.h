// One worker's HTTP/2 connections to the backends of one pool.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "balancer/backend.h"
#include "base/result.h"
#include "base/time.h"
#include "base/timeout_list.h"
#include "proxy/forward/backend_stream.h"

namespace flaskscale::forward {

class Exchange;
class Http2BackendConnection;
class WorkerServices;

// Worker thread only. One connection serves all exchanges with a backend; another is made when it
// has as many streams as its peer allows, or takes no new ones.
class Http2BackendSet {
 public:
  Http2BackendSet();
  ~Http2BackendSet();
  Http2BackendSet(const Http2BackendSet&) = delete;
  Http2BackendSet& operator=(const Http2BackendSet&) = delete;

  struct Lent {
    BackendLoan stream;
    bool is_connected = false;  // else Exchange::on_connected() or on_backend_broken() follows
  };
  Result<Lent> lend(WorkerServices& services, balancer::Backend& backend, Exchange& exchange);

  // Closes what has been without a stream for longer.
  void check_idle(Time now, Duration limit);
  // Closes those without streams; the others take no new ones.
  void retire_all();

  // --- From the connections
  // It has no streams.
  void rest(Http2BackendConnection& connection, Time now);
  // It is closed: destroyed at the end of the turn.
  void remove(Http2BackendConnection& connection);

 private:
  using Connections = std::vector<std::unique_ptr<Http2BackendConnection>>;

  Http2BackendConnection* find_room(WorkerServices& services, uint64_t backend_id);

  std::unordered_map<uint64_t, Connections> connections_;  // by backend id; none is empty
  TimeoutList idle_age_;
};

}  // namespace flaskscale::forward
