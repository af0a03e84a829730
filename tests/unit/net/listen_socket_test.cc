#include "proxy/net/listen_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/net/socket_address.h"
#include "tests/support/loop_thread.h"
#include "tests/unit/net/raw_socket.h"

namespace flaskscale::net {
namespace {

TEST(SocketAddress, ReadsAndWritesIpv4) {
  const auto address = SocketAddress::from_endpoint({"10.1.2.3", 8000});
  ASSERT_TRUE(address);
  EXPECT_EQ(address->family(), AF_INET);
  EXPECT_EQ(address->port(), 8000);
  EXPECT_EQ(address->length(), sizeof(sockaddr_in));
  EXPECT_EQ(address->to_string(), "10.1.2.3:8000");
  EXPECT_EQ(to_string(address->ip()), "10.1.2.3");
  EXPECT_EQ(SocketAddress(address->raw(), address->length()).to_string(), "10.1.2.3:8000");
}

TEST(SocketAddress, ReadsAndWritesIpv6) {
  auto address = SocketAddress::from_endpoint({"2001:DB8:0::1", 443});
  ASSERT_TRUE(address);
  EXPECT_EQ(address->family(), AF_INET6);
  EXPECT_EQ(address->length(), sizeof(sockaddr_in6));
  EXPECT_EQ(address->to_string(), "[2001:db8::1]:443");
  address->set_port(65535);
  EXPECT_EQ(address->port(), 65535);
  EXPECT_EQ(SocketAddress(address->raw(), address->length()).to_string(), "[2001:db8::1]:65535");
}

TEST(SocketAddress, TakesLocalhostAndNoOtherName) {
  const auto local = SocketAddress::from_endpoint({"localhost", 1});
  ASSERT_TRUE(local);
  EXPECT_EQ(local->to_string(), "127.0.0.1:1");
  for (const char* host : {"app.internal", "", "256.0.0.1", "1.2.3", "[::1]", "::1%lo"}) {
    const auto bad = SocketAddress::from_endpoint({host, 1});
    ASSERT_FALSE(bad) << host;
    EXPECT_EQ(bad.error().code, ErrorCode::invalid_argument);
  }
}

TEST(BindListeners, GivesAllSocketsTheSameFreePort) {
  const auto sockets = bind_listeners(loopback(), 4);
  ASSERT_TRUE(sockets) << sockets.error().detail;
  ASSERT_EQ(sockets->size(), 4U);
  std::set<uint16_t> ports;
  for (const auto& socket : *sockets) ports.insert(local_address(socket.get()).port());
  EXPECT_EQ(ports.size(), 1U);
  EXPECT_NE(*ports.begin(), 0);
  EXPECT_NE(::fcntl(sockets->front().get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(sockets->front().get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(BindListeners, SaysWhichAddressIsTakenAndByWhom) {
  const auto first = bind_listeners(loopback(), 2);
  ASSERT_TRUE(first);
  const SocketAddress taken = local_address(first->front().get());

  // Also when the one who has it would share: the second FlaskScale is told.
  const auto second = bind_listeners(taken, 2);

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::address_in_use);
  EXPECT_NE(second.error().detail.find(taken.to_string()), std::string::npos);
  EXPECT_NE(second.error().detail.find("another program"), std::string::npos);
}

TEST(BindListeners, TakesAPortAgainWhoseConnectionsLinger) {
  auto first = bind_listeners(loopback(), 1);
  ASSERT_TRUE(first);
  const SocketAddress address = local_address(first->front().get());
  RawSocket client = RawSocket::connected_to(address);
  RawSocket accepted(::accept(first->front().get(), nullptr, nullptr));
  accepted.close();  // this side closes first: TIME_WAIT is its
  EXPECT_EQ(client.receive(1), "");
  client.close();
  first->clear();

  const auto second = bind_listeners(address, 1);
  EXPECT_TRUE(second) << second.error().detail;
}

TEST(BindListeners, ExplainsAnAddressThatIsNotOurs) {
  const auto sockets = bind_listeners(*SocketAddress::from_endpoint({"192.0.2.1", 0}), 1);
  ASSERT_FALSE(sockets);
  EXPECT_NE(sockets.error().detail.find("no interface"), std::string::npos);
}

TEST(BindListeners, TakesIpv6) {
  const auto sockets = bind_listeners(*SocketAddress::from_endpoint({"::1", 0}), 2);
  if (!sockets) GTEST_SKIP() << "no IPv6 here: " << sockets.error().detail;
  const SocketAddress address = local_address(sockets->front().get());
  EXPECT_EQ(address.to_string(), "[::1]:" + std::to_string(address.port()));
  RawSocket::connected_to(address);
}

// An acceptor with room for as many as the test says.
class AcceptorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto sockets = bind_listeners(loopback(), 1);
    ASSERT_TRUE(sockets);
    address_ = local_address(sockets->front().get());
    acceptor_ = &side_.keep<Acceptor>(
        side_.loop(), std::move(sockets->front()),
        Acceptor::Room{[this] { return room_ > 0 && room_-- > 0; }, [this] { ++room_; }},
        [this](OwnedFd socket, const SocketAddress& peer) {
          EXPECT_NE(::fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
          accepted_.push_back(std::move(socket));
          peers_.insert(peer.port());
        });
  }
  void TearDown() override { side_.finish(); }

  RawSocket connect() { return RawSocket::connected_to(address_); }
  size_t accepted() {
    return side_.call([&] { return accepted_.size(); });
  }

  int room_ = 0;  // loop thread, as all below
  std::vector<OwnedFd> accepted_;
  std::set<uint16_t> peers_;
  SocketAddress address_;
  LoopThread side_;
  Acceptor* acceptor_ = nullptr;
};

TEST_F(AcceptorTest, HandsOverEachClientWithItsAddress) {
  side_.call([&] { room_ = 100; });
  const RawSocket one = connect();
  const RawSocket two = connect();
  ASSERT_TRUE(side_.eventually([&] { return accepted_.size() == 2; }));
  EXPECT_EQ(side_.call([&] { return peers_; }),
            (std::set{local_address(one.get()).port(), local_address(two.get()).port()}));
  // What was taken for an accept that found nobody was given back.
  EXPECT_EQ(side_.call([&] { return room_; }), 98);
}

TEST_F(AcceptorTest, PausesWithoutRoomAndGoesOnWhenResumed) {
  side_.call([&] { room_ = 1; });
  std::vector<RawSocket> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(connect());
  ASSERT_TRUE(side_.eventually([&] { return accepted_.size() == 1; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(accepted(), 1U);

  side_.call([&] { room_ = 2; });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(accepted(), 1U);  // nobody said that there is room again
  side_.call([&] { acceptor_->resume(); });
  ASSERT_TRUE(side_.eventually([&] { return accepted_.size() == 3; }));

  side_.call([&] {
    room_ = 5;
    acceptor_->resume();
  });
  EXPECT_TRUE(side_.eventually([&] { return accepted_.size() == 4 && room_ == 4; }));
}

TEST_F(AcceptorTest, TakesAllWhoWaitBeforeItCloses) {
  const bool all = side_.call([&] {
    room_ = 1000;
    // More than one turn takes. The loop is here, so nobody else accepts them.
    std::vector<RawSocket> clients;
    for (int i = 0; i < 150; ++i) clients.push_back(connect());
    acceptor_->accept_all();
    return accepted_.size() == 150;
  });
  EXPECT_TRUE(all);
}

}  // namespace
}  // namespace flaskscale::net
