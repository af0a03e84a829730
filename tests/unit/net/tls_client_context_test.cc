// Both ends are ours here: a TlsTransport as the client of another.
#include "proxy/net/tls_client_context.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "proxy/net/tls_context.h"
#include "proxy/net/tls_transport.h"
#include "tests/support/memory_transport.h"
#include "tests/support/tls_identity.h"

namespace flaskscale::net {
namespace {

struct Handler final : TransportHandler {
  void on_readable() override {}
  void on_writable() override { ++writable; }
  int writable = 0;
};

TlsCertificateFiles files_of(const TlsIdentity& identity) {
  return {"a.pem", identity.cert_pem, "a.key", identity.key_pem, "", ""};
}

class TlsClientContextTest : public testing::Test {
 protected:
  TlsClientContextTest() {
    server_settings_.certificates.push_back(
        files_of(make_identity({.names = {"app.test"}, .issuer = &authority_})));
    server_settings_.tickets =
        std::make_shared<TicketKeyRing>(std::vector<TicketKey>{make_ticket_key()});
    settings_.ca_path = "ca.pem";
    settings_.ca_pem = authority_.cert_pem;
    settings_.server_name = "app.test";
  }

  void load() {
    auto context = TlsClientContext::create(settings_);
    ASSERT_TRUE(context) << context.error().detail;
    context_ = *std::move(context);
  }
  // The outcome of the client's connect_result().
  int connect(const std::string& address = "10.0.0.1:443") {
    auto server_context = *TlsContext::create(server_settings_);
    client_peer_ = std::make_shared<MemoryPeer>();
    server_peer_ = std::make_shared<MemoryPeer>();
    client_.reset();
    server_ = std::make_unique<TlsTransport>(io_, std::make_unique<MemoryTransport>(server_peer_),
                                             server_context->new_connection(), server_context,
                                             server_handler_);
    client_ = std::make_unique<TlsTransport>(io_, std::make_unique<MemoryTransport>(client_peer_),
                                             context_->new_connection(address), context_,
                                             client_handler_);
    EXPECT_EQ(client_->connect_result(), EINPROGRESS);
    client_handler_.writable = 0;
    client_peer_->handler->on_writable();  // connected
    for (int i = 0; i < 10 && client_->connect_result() == EINPROGRESS; ++i) {
      exchange();
      server_->handshake();
      exchange();
      if (client_peer_->wants(Interest::readable)) client_peer_->handler->on_readable();
    }
    exchange();
    server_->handshake();
    exchange();
    return client_->connect_result();
  }
  void exchange() {
    server_peer_->incoming += std::exchange(client_peer_->written, "");
    client_peer_->incoming += std::exchange(server_peer_->written, "");
  }
  std::string read(TlsTransport& from) {
    std::string into(1000, 0);
    into.resize(from.read(into).bytes);
    return into;
  }

  EventLoop loop_;
  TlsIo io_{loop_};
  const TlsIdentity authority_ = make_identity({.common_name = "ca", .is_authority = true});
  TlsServerSettings server_settings_;
  TlsClientSettings settings_;
  std::shared_ptr<const TlsClientContext> context_;
  Handler client_handler_;
  Handler server_handler_;
  std::shared_ptr<MemoryPeer> client_peer_;
  std::shared_ptr<MemoryPeer> server_peer_;
  std::unique_ptr<TlsTransport> server_;
  std::unique_ptr<TlsTransport> client_;
};

TEST_F(TlsClientContextTest, TellsItsHandlerOnceWhenAllStands) {
  load();
  ASSERT_EQ(connect(), 0);
  EXPECT_EQ(client_handler_.writable, 1);
  EXPECT_EQ(server_->server_name(), "app.test");
  EXPECT_EQ(server_->protocol(), "http/1.1");
  const std::string_view request = "GET";
  EXPECT_EQ(client_->write(std::span(&request, 1)).bytes, 3U);
  exchange();
  EXPECT_EQ(read(*server_), "GET");
}

TEST_F(TlsClientContextTest, IsQuietAlthoughTicketsHaveCome) {
  load();
  ASSERT_EQ(connect(), 0);
  ASSERT_FALSE(client_peer_->incoming.empty());  // the tickets
  EXPECT_TRUE(client_->is_quiet());
  const std::string_view unasked = "x";
  static_cast<void>(server_->write(std::span(&unasked, 1)));
  exchange();
  EXPECT_FALSE(client_->is_quiet());
}

TEST_F(TlsClientContextTest, ResumesTheSessionOfEachBackend) {
  load();
  ASSERT_EQ(connect(), 0);
  read(*client_);
  EXPECT_FALSE(client_->resumed());
  ASSERT_EQ(connect(), 0);
  EXPECT_TRUE(client_->resumed());
  ASSERT_EQ(connect("10.0.0.2:443"), 0);
  EXPECT_FALSE(client_->resumed());
}

TEST_F(TlsClientContextTest, RefusesAStranger) {
  settings_.server_name = "other.test";
  load();
  EXPECT_NE(connect(), 0);
  EXPECT_EQ(client_->failure(), "tls_bad_certificate");
  EXPECT_NE(client_->failure_detail().find("hostname mismatch"), std::string::npos)
      << client_->failure_detail();
  EXPECT_EQ(client_handler_.writable, 1);

  settings_.server_name = "app.test";
  settings_.ca_pem = make_identity({.is_authority = true}).cert_pem;
  load();
  EXPECT_NE(connect(), 0);

  settings_.verify = false;
  load();
  EXPECT_EQ(connect(), 0);
}

TEST_F(TlsClientContextTest, ShowsItsCertificate) {
  server_settings_.client_certificate = ClientCertificate::required;
  server_settings_.client_ca_path = "ca.pem";
  server_settings_.client_ca_pem = authority_.cert_pem;
  settings_.identity = files_of(make_identity({.common_name = "door", .issuer = &authority_}));
  load();
  ASSERT_EQ(connect(), 0);
  EXPECT_EQ(server_->peer_subject(), "CN=door");
}

TEST_F(TlsClientContextTest, TellsARefusedConnection) {
  load();
  client_peer_ = std::make_shared<MemoryPeer>();
  client_peer_->connect_error = ECONNREFUSED;
  client_ = std::make_unique<TlsTransport>(io_, std::make_unique<MemoryTransport>(client_peer_),
                                           context_->new_connection("10.0.0.1:443"), context_,
                                           client_handler_);
  client_peer_->handler->on_writable();
  EXPECT_EQ(client_handler_.writable, 1);
  EXPECT_EQ(client_->connect_result(), ECONNREFUSED);
}

TEST_F(TlsClientContextTest, SaysWhichFileIsWrong) {
  settings_.ca_pem = "nothing";
  const auto made = TlsClientContext::create(settings_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().detail, "ca.pem: holds no certificate in PEM form");
}

}  // namespace
}  // namespace flaskscale::net
