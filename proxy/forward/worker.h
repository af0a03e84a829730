// A thread that serves clients: its event loop, its listeners and its client connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "balancer/admission.h"
#include "proxy/forward/acme_challenges.h"
#include "proxy/forward/client_session.h"
#include "proxy/forward/worker_services.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/listen_socket.h"
#include "proxy/net/timer.h"

namespace flaskscale::forward {

// What the workers of one server have in common. Any thread.
struct WorkerGroup {
  std::vector<std::unique_ptr<class Worker>> workers;  // constant while they run
  AddressBook address_book;
  AcmeChallenges acme_challenges;
  std::atomic<uint32_t> connections{0};  // open client connections of all workers
};

// Where a worker reports its exchanges. Shared because the server reads its numbers while the
// worker writes; the worker lets go of an old one on its own thread.
struct WorkerLog {
  std::shared_ptr<balancer::ExchangeSink> sink;  // null: off
  std::function<void()> flush;                   // called each second on the worker's thread
};

class Worker final : public balancer::WaiterHome, public ClientSessionOwner {
 public:
  Worker(WorkerGroup& group, uint16_t number, uint64_t seed);
  ~Worker();  // stopped and joined
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // --- Control thread
  // ----------------------------------------------------------------------------- Before start():
  // what it serves by, and where it reports each exchange.
  void set_up(std::shared_ptr<const Snapshot> snapshot, WorkerLog log);
  void start();
  // From now on new requests are served by this snapshot and reported to this log.
  void apply(std::shared_ptr<const Snapshot> snapshot, WorkerLog log);
  // `id` is the caller's name for it; `listener` the index in the snapshots' listeners.
  void add_listener(uint64_t id, uint32_t listener, net::OwnedFd socket);
  void remove_listener(uint64_t id);
  // Takes nobody new; connections end after what they are doing, tunnels in the last part of
  // `limit`.
  void begin_drain(Duration limit);
  // Cuts what is left and ends the thread.
  void stop();
  void join();

  // --- Any thread
  // -----------------------------------------------------------------------------------
  const balancer::WorkerCounters& counters() const { return services_.counters; }
  // Client connections that are here or on their way here.
  uint32_t assigned() const { return assigned_.load(std::memory_order_relaxed); }
  void post_decided(std::shared_ptr<balancer::Ticket> ticket) override;

  // --- Worker thread
  // ----------------------------------------------------------------------------------
  void on_session_closed(ClientSession& session) override;
  void replace_session(ClientSession& session, std::unique_ptr<ClientSession> next,
                       std::unique_ptr<net::Transport> transport,
                       std::string_view received) override;

 private:
  struct Listening {
    uint64_t id;
    std::unique_ptr<net::Acceptor> acceptor;
  };

  void on_accept(uint32_t listener, net::OwnedFd socket, const net::SocketAddress& peer);
  void adopt(uint32_t listener, net::OwnedFd socket, const net::SocketAddress& peer);
  bool take_room();
  Worker* less_loaded() const;
  void tick();
  void drain_here(Duration limit);
  void stop_here();

  WorkerGroup& group_;
  net::EventLoop loop_;
  WorkerServices services_;
  std::vector<std::unique_ptr<ClientSession>> clients_;
  std::vector<Listening> listeners_;
  std::unique_ptr<net::Timer> timer_;
  WorkerLog log_;
  std::atomic<uint32_t> assigned_{0};
  unsigned ticks_ = 0;
  std::thread thread_;
};

}  // namespace flaskscale::forward
