#include "proxy/forward/worker.h"

#include <algorithm>
#include <utility>

#include "balancer/pool.h"
#include "base/check.h"
#include "proxy/forward/client_connection.h"
#include "proxy/forward/client_greeting.h"
#include "proxy/forward/exchange.h"
#include "proxy/net/socket_transport.h"

namespace flaskscale::forward {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr unsigned kTicksPerSecond = 10;

}  // namespace

Worker::Worker(WorkerGroup& group, uint16_t number, uint64_t seed)
    : group_(group), services_(loop_, number, seed, group.address_book, *this) {
  services_.acme_challenges = &group.acme_challenges;
}

Worker::~Worker() { FS_CHECK(!thread_.joinable()); }

void Worker::set_up(std::shared_ptr<const Snapshot> snapshot, WorkerLog log) {
  services_.adopt(std::move(snapshot));
  services_.access_log = log.sink.get();
  log_ = std::move(log);
}

void Worker::start() {
  thread_ = std::thread([this] {
    loop_.at_turn_end([this] { services_.recycle(); });
    loop_.before_wait([this] { return services_.serve_waiting(); });
    timer_ = std::make_unique<net::Timer>(loop_, [this] { tick(); });
    timer_->start_every(kTick);
    loop_.run();
  });
}

void Worker::apply(std::shared_ptr<const Snapshot> snapshot, WorkerLog log) {
  loop_.post([this, snapshot = std::move(snapshot), log = std::move(log)]() mutable {
    set_up(std::move(snapshot), std::move(log));
  });
}

void Worker::add_listener(uint64_t id, uint32_t listener, net::OwnedFd socket) {
  auto shared = std::make_shared<net::OwnedFd>(std::move(socket));  // a task must be copyable
  loop_.post([this, id, listener, shared] {
    listeners_.push_back(
        {id, std::make_unique<net::Acceptor>(
                 loop_, std::move(*shared),
                 net::Acceptor::Room{[this] { return take_room(); },
                                     [this] { group_.connections.fetch_sub(1); }},
                 [this, listener](net::OwnedFd fd, const net::SocketAddress& peer) {
                   on_accept(listener, std::move(fd), peer);
                 })});
  });
}

void Worker::remove_listener(uint64_t id) {
  loop_.post([this, id] {
    std::erase_if(listeners_, [id](const Listening& listening) {
      if (listening.id != id) return false;
      listening.acceptor->accept_all();
      return true;
    });
  });
}

void Worker::begin_drain(Duration limit) {
  loop_.post([this, limit] { drain_here(limit); });
}

void Worker::stop() {
  loop_.post([this] { stop_here(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::post_decided(std::shared_ptr<balancer::Ticket> ticket) {
  loop_.post([ticket = std::move(ticket)] { balancer::Pool::deliver(ticket); });
}

// --- Worker thread
// -------------------------------------------------------------------------------------------

void Worker::on_accept(uint32_t listener, net::OwnedFd socket, const net::SocketAddress& peer) {
  services_.counters.on_accepted();
  Worker* const other = less_loaded();
  (other == nullptr ? this : other)->assigned_.fetch_add(1, std::memory_order_relaxed);
  if (other == nullptr) {
    adopt(listener, std::move(socket), peer);
    return;
  }
  services_.counters.on_handed_over();
  auto shared = std::make_shared<net::OwnedFd>(std::move(socket));
  other->loop_.post(
      [other, listener, shared, peer] { other->adopt(listener, std::move(*shared), peer); });
}

// Exact over all workers.
bool Worker::take_room() {
  uint32_t open = group_.connections.load(std::memory_order_relaxed);
  while (open < services_.snapshot().max_connections) {
    if (group_.connections.compare_exchange_weak(open, open + 1)) return true;
  }
  return false;
}

// The kernel spreads connections by hash, so one worker may get many more than another.
Worker* Worker::less_loaded() const {
  const uint32_t mine = assigned();
  Worker* least = nullptr;
  uint32_t fewest = mine;
  for (const auto& worker : group_.workers) {
    if (worker.get() != this && worker->assigned() < fewest) {
      least = worker.get();
      fewest = worker->assigned();
    }
  }
  return mine > fewest + std::max<uint32_t>(4, mine / 8) ? least : nullptr;
}

void Worker::adopt(uint32_t listener, net::OwnedFd socket, const net::SocketAddress& peer) {
  services_.counters.on_opened();
  ConnectionFacts facts;
  facts.listener = listener;
  http::ConnectionEnds& ends = facts.ends;
  ends.client = peer.ip();
  ends.client_port = peer.port();
  if (services_.snapshot().tells_ends) {
    const auto server = net::local_address(socket.get());
    ends.server = server.ip();
    ends.server_port = server.port();
  }
  std::unique_ptr<ClientSession> client;
  if (services_.snapshot().listeners[listener].needs_greeting()) {
    client = std::make_unique<ClientGreeting>(services_, *this, std::move(facts));
  } else {
    client = std::make_unique<ClientConnection>(services_, *this, std::move(facts));
  }
  client->list_index = static_cast<uint32_t>(clients_.size());
  ClientSession& connection = *client;
  clients_.push_back(std::move(client));
  connection.open(std::make_unique<net::SocketTransport>(loop_, socket.release(), connection), {});
  if (services_.draining) connection.on_drain();
}

void Worker::on_session_closed(ClientSession& session) {
  const uint32_t index = session.list_index;
  auto closed = std::move(clients_[index]);
  if (index + 1 < clients_.size()) {
    clients_[index] = std::move(clients_.back());
    clients_[index]->list_index = index;
  }
  clients_.pop_back();
  services_.counters.on_closed();
  assigned_.fetch_sub(1, std::memory_order_relaxed);
  group_.connections.fetch_sub(1);
  loop_.retire(std::move(closed));
}

void Worker::replace_session(ClientSession& session, std::unique_ptr<ClientSession> next,
                             std::unique_ptr<net::Transport> transport, std::string_view received) {
  next->list_index = session.list_index;
  ClientSession& opened = *next;
  transport->set_handler(opened);
  loop_.retire(std::exchange(clients_[session.list_index], std::move(next)));
  opened.open(std::move(transport), received);
  const bool is_open =
      opened.list_index < clients_.size() && clients_[opened.list_index].get() == &opened;
  if (is_open && services_.draining) opened.on_drain();
}

void Worker::tick() {
  services_.check_timeouts(loop_.now());
  if (group_.connections.load() < services_.snapshot().max_connections) {
    for (auto& listening : listeners_) listening.acceptor->resume();
  }
  if (++ticks_ % kTicksPerSecond == 0 && log_.flush) log_.flush();
}

void Worker::drain_here(Duration limit) {
  if (std::exchange(services_.draining, true)) return;
  services_.drain_window = DrainWindow{loop_.now(), loop_.now() + limit};
  for (auto& listening : listeners_) listening.acceptor->accept_all();
  listeners_.clear();
  // Backwards: closing one moves the last into its place.
  for (size_t i = clients_.size(); i-- > 0;) clients_[i]->on_drain();
}

void Worker::stop_here() {
  services_.draining = true;
  listeners_.clear();
  for (size_t i = clients_.size(); i-- > 0;) clients_[i]->on_shutdown();
  FS_CHECK(clients_.empty());
  services_.close_pools();
  timer_.reset();
  if (log_.flush) log_.flush();
  loop_.stop();
}

}  // namespace flaskscale::forward
