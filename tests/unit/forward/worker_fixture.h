// What a worker has, without its sockets: a loop, services, one pool, and clients in memory.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "balancer/pool.h"
#include "proxy/forward/address_book.h"
#include "proxy/forward/client_connection.h"
#include "proxy/forward/snapshot.h"
#include "proxy/forward/worker_services.h"
#include "tests/support/loop_thread.h"
#include "tests/support/memory_transport.h"

namespace flaskscale::forward {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WorkerFixture : public testing::Test, public balancer::WaiterHome, public ClientSessionOwner {
 protected:
  struct Client {
    std::unique_ptr<ClientSession> connection;  // null when it has been given up
    std::shared_ptr<MemoryPeer> peer = std::make_shared<MemoryPeer>();
  };

  WorkerFixture() : services_(side_.loop(), 0, 42, address_book_, *this) {
    settings_.slow_start = Duration::zero();
  }

  void SetUp() override {
    runtime_ = std::make_shared<PoolRuntime>("shop", settings_, uint16_t{1});
    side_.call([&] {
      side_.loop().at_turn_end([this] { services_.recycle(); });
      side_.loop().before_wait([this] { return services_.serve_waiting(); });
      services_.adopt(make_snapshot());
    });
  }

  void TearDown() override {
    side_.call([&] {
      for (auto& client : clients_) {
        if (client->connection != nullptr) client->connection->on_shutdown();
      }
      for (const auto& client : clients_) EXPECT_TRUE(client->peer->destroyed);
      EXPECT_EQ(runtime_->pool.queued(), 0U);
      for (const auto& status : runtime_->pool.backends(Clock::now())) {
        EXPECT_EQ(status.in_flight, 0U) << "a slot was lost";
      }
      runtime_->pool.close(Clock::now());
      services_.close_pools();
    });
    side_.finish();
  }

  // One pool for one host.
  std::shared_ptr<Snapshot> make_snapshot() {
    config::RouteModel route;
    route.hosts = {"shop.example"};
    route.pool = "shop";
    return std::make_shared<Snapshot>(Snapshot{.generation = ++generation_,
                                               .max_connections = 100,
                                               .limits = limits_,
                                               .timeouts = {},
                                               .router = config::Router({route}),
                                               .routes = {{0, RouteAction(route)}},
                                               .pools = {{runtime_, seconds(60), traits_}},
                                               .listeners = {{"web", {}}}});
  }
  void apply_limits() {
    side_.call([&] { services_.adopt(make_snapshot()); });
  }
  void add_backend(const std::string& address) {
    side_.call([&] {
      runtime_->pool.add_backend(address, 1, Clock::now());
      runtime_->pool.on_probe(address, true, Clock::now());
    });
  }

  template <typename Session = ClientConnection>
  Client& connect() {
    return *side_.call([&] {
      clients_.push_back(std::make_unique<Client>());
      Client& client = *clients_.back();
      client.connection = std::make_unique<Session>(
          services_, *this,
          ConnectionFacts{0, {*IpAddress::parse("192.0.2.7"), {}, 40000, 0}, nullptr});
      client.connection->open(std::make_unique<MemoryTransport>(client.peer), {});
      return &client;
    });
  }
  void send(Client& client, std::string_view bytes) {
    side_.call([&] { client.peer->incoming.append(bytes); });
  }
  // Goes on, reading and writing, until the condition holds.
  template <typename Condition>
  bool until(Condition condition) {
    return side_.eventually([&] {
      poll_all();
      return condition();
    });
  }
  bool until_written(Client& client, std::string_view end) {
    return until([&] { return client.peer->written.ends_with(end); }) ||
           (ADD_FAILURE() << "written: " << written(client), false);
  }
  bool until_closed(Client& client) {
    return until([&] { return client.peer->destroyed; });
  }
  // As much as can be done without a backend.
  void settle() {
    for (int i = 0; i < 3; ++i) {
      while (side_.call([&] { return poll_all(); })) {
      }
    }
  }
  std::string written(Client& client) {
    return side_.call([&] { return client.peer->written; });
  }
  // As if the time had come.
  void later(Duration by) {
    side_.call([&] { services_.check_timeouts(side_.loop().now() + by); });
  }

  balancer::TrafficTotals traffic() {
    balancer::TrafficTotals totals;
    runtime_->counters[0].add_to(totals);
    return totals;
  }
  uint64_t reason(std::string_view word) { return traffic().reason(word); }
  balancer::WorkerTotals without_pool() {
    balancer::WorkerTotals totals;
    services_.counters.add_to(totals);
    return totals;
  }

  void post_decided(std::shared_ptr<balancer::Ticket> ticket) override {
    side_.loop().post([ticket = std::move(ticket)] { balancer::Pool::deliver(ticket); });
  }
  void on_session_closed(ClientSession& session) override {
    for (auto& client : clients_) {
      if (client->connection.get() == &session) {
        side_.loop().retire(std::move(client->connection));
      }
    }
  }

  void replace_session(ClientSession& /*session*/, std::unique_ptr<ClientSession> /*next*/,
                       std::unique_ptr<net::Transport> /*transport*/,
                       std::string_view /*received*/) override {
    FAIL() << "an HTTP/1.1 connection stays one";
  }

  LoopThread side_;
  balancer::PoolSettings settings_;  // before SetUp
  config::LimitsModel limits_;
  PoolTraits traits_;
  AddressBook address_book_;
  std::shared_ptr<PoolRuntime> runtime_;
  WorkerServices services_;                       // loop thread, as all below
  std::vector<std::unique_ptr<Client>> clients_;  // each stays in place
  uint64_t generation_ = 0;

 private:
  bool poll_all() {
    bool told = false;
    for (size_t i = 0; i < clients_.size(); ++i) {
      Client& client = *clients_[i];
      if (client.connection != nullptr) told |= client.peer->poll(*client.connection);
    }
    return told;
  }
};

}  // namespace flaskscale::forward
