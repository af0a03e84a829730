#include "proxy/forward/client_greeting.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "proxy/forward/client_connection.h"
#include "proxy/forward/http2_connection.h"
#include "proxy/forward/worker_services.h"
#include "tests/support/memory_transport.h"
#include "tests/support/tls_identity.h"
#include "tests/unit/net/tls_client.h"

namespace flaskscale::forward {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::shared_ptr<const net::TlsContext> make_context() {
  static const TlsIdentity kIdentity = make_identity({.names = {"a.test"}});
  net::TlsServerSettings settings;
  settings.certificates.push_back(
      {"a.pem", kIdentity.cert_pem, "a.key", kIdentity.key_pem, "", ""});
  settings.http2 = true;
  settings.tickets =
      std::make_shared<net::TicketKeyRing>(std::vector<net::TicketKey>{net::make_ticket_key()});
  return *net::TlsContext::create(settings);
}

struct NoHome final : balancer::WaiterHome {
  void post_decided(std::shared_ptr<balancer::Ticket> /*ticket*/) override {}
};

// One greeting and what became of it.
struct Visitor {
  std::shared_ptr<MemoryPeer> peer = std::make_shared<MemoryPeer>();
  std::unique_ptr<ClientSession> greeting;  // null: gone on, or closed
  std::unique_ptr<ClientSession> next;
  std::unique_ptr<net::Transport> transport;
  std::string received;
  bool closed = false;

  bool is_http1() const { return dynamic_cast<ClientConnection*>(next.get()) != nullptr; }
  bool is_http2() const { return dynamic_cast<Http2Connection*>(next.get()) != nullptr; }
};

class ClientGreetingTest : public testing::Test, public ClientSessionOwner {
 protected:
  ClientGreetingTest() : services_(loop_, 0, 42, book_, home_) {}
  ~ClientGreetingTest() override {
    visitors_.clear();
    retired_.clear();
  }

  void serve(ListenerEntry listener) {
    listener.name = "web";
    services_.adopt(std::make_shared<Snapshot>(Snapshot{.generation = 1,
                                                        .max_connections = 100,
                                                        .limits = {},
                                                        .timeouts = {},
                                                        .router = config::Router({}),
                                                        .routes = {},
                                                        .pools = {},
                                                        .listeners = {std::move(listener)}}));
  }
  Visitor& visit() {
    visitors_.push_back(std::make_unique<Visitor>());
    Visitor& visitor = *visitors_.back();
    ConnectionFacts facts;
    facts.ends.client = *IpAddress::parse("192.0.2.7");
    visitor.greeting = std::make_unique<ClientGreeting>(services_, *this, std::move(facts));
    auto transport = std::make_unique<MemoryTransport>(visitor.peer);
    transport->set_handler(*visitor.greeting);
    visitor.greeting->open(std::move(transport), {});
    return visitor;
  }
  static void send(Visitor& visitor, std::string_view bytes) {
    visitor.peer->incoming.append(bytes);
    if (visitor.peer->wants(net::Interest::readable)) visitor.peer->handler->on_readable();
  }
  // Until the client is done; what it sends is read in a turn of its own.
  void shake_hands(net::TlsClient& client, Visitor& visitor) {
    for (int i = 0; i < 5 && visitor.greeting != nullptr; ++i) {
      services_.serve_waiting();
      client.shake_hands();
      if (!visitor.peer->incoming.empty() && visitor.peer->wants(net::Interest::readable)) {
        visitor.peer->handler->on_readable();
      }
    }
    client.shake_hands();
  }
  uint64_t malformed(std::string_view reason) const { return count(&Totals::malformed, reason); }
  uint64_t failed(std::string_view reason) const { return count(&Totals::tls_failed, reason); }

  void on_session_closed(ClientSession& session) override {
    Visitor& visitor = of(session);
    visitor.closed = true;
    retired_.push_back(std::move(visitor.greeting));
  }
  void replace_session(ClientSession& session, std::unique_ptr<ClientSession> next,
                       std::unique_ptr<net::Transport> transport,
                       std::string_view received) override {
    Visitor& visitor = of(session);
    visitor.next = std::move(next);
    visitor.transport = std::move(transport);
    visitor.received = received;
    retired_.push_back(std::move(visitor.greeting));
  }

  net::EventLoop loop_;
  AddressBook book_;
  NoHome home_;
  WorkerServices services_;

 private:
  using Totals = balancer::WorkerTotals;
  uint64_t count(std::vector<std::pair<std::string, uint64_t>> Totals::*table,
                 std::string_view reason) const {
    Totals totals;
    services_.counters.add_to(totals);
    for (const auto& [word, number] : totals.*table) {
      if (word == reason) return number;
    }
    return 0;
  }
  Visitor& of(ClientSession& session) {
    for (auto& visitor : visitors_) {
      if (visitor->greeting.get() == &session) return *visitor;
    }
    throw std::logic_error("no such session");
  }

  std::vector<std::unique_ptr<Visitor>> visitors_;
  std::vector<std::unique_ptr<ClientSession>> retired_;
};

TEST_F(ClientGreetingTest, ChoosesHttp2ByItsPreface) {
  serve({.http2 = true});
  Visitor& whole = visit();
  send(whole, std::string(kPreface) + "more");
  EXPECT_TRUE(whole.is_http2());
  EXPECT_EQ(whole.received, std::string(kPreface) + "more");

  Visitor& piecemeal = visit();
  for (const char byte : kPreface.substr(0, kPreface.size() - 1)) send(piecemeal, {&byte, 1});
  EXPECT_EQ(piecemeal.next, nullptr);
  send(piecemeal, kPreface.substr(kPreface.size() - 1));
  EXPECT_TRUE(piecemeal.is_http2());
  EXPECT_EQ(piecemeal.received, kPreface);

  Visitor& other = visit();
  send(other, "PRI * HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(other.is_http1());
  EXPECT_EQ(other.received, "PRI * HTTP/1.1\r\n\r\n");
}

TEST_F(ClientGreetingTest, TakesAProxyHeaderOnlyFromThoseWhoAreTrusted) {
  serve({.trusted_proxies = {*IpNetwork::parse("192.0.2.0/24")}, .proxy_protocol = true});
  Visitor& trusted = visit();
  send(trusted, "PROXY TCP4 203.0.113.9 198.51.100.1 5");
  EXPECT_EQ(trusted.next, nullptr);
  send(trusted, "000 80\r\nGET / HTTP/1.1\r\n");
  EXPECT_TRUE(trusted.is_http1());
  EXPECT_EQ(trusted.received, "GET / HTTP/1.1\r\n");

  Visitor& wrong = visit();
  send(wrong, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(wrong.closed);

  serve({.trusted_proxies = {*IpNetwork::parse("10.0.0.0/8")}, .proxy_protocol = true});
  Visitor& stranger = visit();
  send(stranger, "PROXY TCP4 203.0.113.9 198.51.100.1 5000 80\r\n");
  EXPECT_TRUE(stranger.is_http1());
  EXPECT_EQ(stranger.received, "PROXY TCP4 203.0.113.9 198.51.100.1 5000 80\r\n");
}

TEST_F(ClientGreetingTest, AnswersPlainHttpOnATlsPort) {
  serve({.tls = make_context()});
  Visitor& visitor = visit();
  send(visitor, "GET / HTTP/1.1\r\n\r\n");
  const std::string& answer = visitor.peer->written;
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
  const size_t body = answer.find("\r\n\r\n") + 4;
  EXPECT_NE(answer.find("Content-Length: " + std::to_string(answer.size() - body) + "\r\n"),
            std::string::npos);
  EXPECT_TRUE(visitor.peer->shut_down);
  EXPECT_FALSE(visitor.closed);  // so that the client can read it
  EXPECT_EQ(malformed("http_to_https_port"), 1U);
  services_.check_timeouts(loop_.now() + std::chrono::seconds(3));
  EXPECT_TRUE(visitor.closed);
}

TEST_F(ClientGreetingTest, GoesOnAsTheProtocolOfTheHandshake) {
  serve({.tls = make_context()});
  const auto protocol_for = [&](const std::string& offered) {
    Visitor& visitor = visit();
    net::TlsClient client(visitor.peer, "a.test");
    SSL_set_alpn_protos(client.ssl(), reinterpret_cast<const unsigned char*>(offered.data()),
                        static_cast<unsigned>(offered.size()));
    shake_hands(client, visitor);
    if (visitor.is_http2()) return 2;
    return visitor.is_http1() ? 1 : 0;
  };
  EXPECT_EQ(protocol_for("\x02h2\x08http/1.1"), 2);
  EXPECT_EQ(protocol_for("\x08http/1.1"), 1);
  EXPECT_EQ(protocol_for(""), 1);
}

TEST_F(ClientGreetingTest, HandsOnWhatCameWithTheEndOfTheHandshake) {
  serve({.tls = make_context()});
  Visitor& visitor = visit();
  net::TlsClient client(visitor.peer, "a.test");
  client.shake_hands();
  visitor.peer->handler->on_readable();
  client.shake_hands();
  client.write("GET / HTTP/1.1\r\n");
  services_.serve_waiting();
  visitor.peer->handler->on_readable();
  EXPECT_TRUE(visitor.is_http1());
  EXPECT_EQ(visitor.received, "GET / HTTP/1.1\r\n");
}

TEST_F(ClientGreetingTest, RationsHandshakesInEachTurn) {
  serve({.tls = make_context()});
  constexpr size_t kVisitors = 2 * kHandshakesInTurn + 1;
  std::vector<Visitor*> visitors;
  std::vector<std::unique_ptr<net::TlsClient>> clients;
  for (size_t i = 0; i < kVisitors; ++i) {
    visitors.push_back(&visit());
    clients.push_back(std::make_unique<net::TlsClient>(visitors.back()->peer, "a.test"));
    SSL_do_handshake(clients.back()->ssl());
    send(*visitors.back(), clients.back()->take_out());
  }
  const auto answered = [&] {
    return static_cast<size_t>(
        std::count_if(visitors.begin(), visitors.end(),
                      [](const Visitor* visitor) { return !visitor->peer->written.empty(); }));
  };
  EXPECT_EQ(answered(), kHandshakesInTurn);
  // One that waits and goes away takes nobody's turn.
  visitors[kHandshakesInTurn]->greeting->on_shutdown();
  std::vector<size_t> after_each_turn;
  loop_.at_turn_end([&] {
    services_.recycle();
    if (after_each_turn.empty() || after_each_turn.back() != answered()) {
      after_each_turn.push_back(answered());
    }
    if (answered() == kVisitors - 1) loop_.stop();
  });
  loop_.before_wait([&] { return services_.serve_waiting(); });
  loop_.post([] {});
  loop_.run();
  loop_.at_turn_end(nullptr);
  loop_.before_wait(nullptr);
  EXPECT_EQ(after_each_turn, (std::vector<size_t>{kHandshakesInTurn, 2 * kHandshakesInTurn}));
}

TEST_F(ClientGreetingTest, EndsAHandshakeThatTakesTooLong) {
  serve({.tls = make_context()});
  Visitor& visitor = visit();
  send(visitor, "\x16\x03\x01");
  services_.check_timeouts(loop_.now() + std::chrono::seconds(9));
  EXPECT_FALSE(visitor.closed);
  services_.check_timeouts(loop_.now() + std::chrono::seconds(11));
  EXPECT_TRUE(visitor.closed);
  EXPECT_EQ(failed("tls_timeout"), 1U);
}

TEST_F(ClientGreetingTest, EndsAtDrainWhoHasNotBegun) {
  serve({.tls = make_context()});
  Visitor& silent = visit();
  Visitor& begun = visit();
  send(begun, "\x16\x03\x01");
  silent.greeting->on_drain();
  begun.greeting->on_drain();
  EXPECT_TRUE(silent.closed);
  EXPECT_FALSE(begun.closed);
  begun.greeting->on_shutdown();
  EXPECT_TRUE(begun.closed);
}

}  // namespace
}  // namespace flaskscale::forward
