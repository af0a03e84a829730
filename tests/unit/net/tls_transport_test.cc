#include "proxy/net/tls_transport.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>

#include "proxy/net/tls_context.h"
#include "tests/support/loop_thread.h"
#include "tests/support/tls_identity.h"
#include "tests/unit/net/tls_client.h"

namespace flaskscale::net {
namespace {

using Status = IoResult::Status;
using Handshake = TlsTransport::Handshake;

const TlsIdentity& identity() {
  static const TlsIdentity kMade = make_identity({.names = {"a.test"}});
  return kMade;
}

std::shared_ptr<TicketKeyRing> ring() {
  static const auto kRing =
      std::make_shared<TicketKeyRing>(std::vector<TicketKey>{make_ticket_key()});
  return kRing;
}

TlsServerSettings default_settings() {
  TlsServerSettings settings;
  settings.certificates.push_back(
      {"a.pem", identity().cert_pem, "a.key", identity().key_pem, "", ""});
  settings.tickets = ring();
  settings.session_context = "test";
  return settings;
}

struct Handler final : TransportHandler {
  void on_readable() override {
    ++readable;
    if (on_read) on_read();
  }
  void on_writable() override { ++writable; }
  int readable = 0;
  int writable = 0;
  std::function<void()> on_read;
};

class TlsTransportTest : public testing::Test {
 protected:
  explicit TlsTransportTest() { serve(default_settings()); }

  void serve(const TlsServerSettings& settings) {
    auto context = TlsContext::create(settings);
    ASSERT_TRUE(context) << context.error().detail;
    peer_ = std::make_shared<MemoryPeer>();
    server_ = std::make_unique<TlsTransport>(io_, std::make_unique<MemoryTransport>(peer_),
                                             (*context)->new_connection(), *context, handler_);
  }
  // Until both sides are done or the server has failed.
  Handshake shake_hands(TlsClient& client) {
    Handshake state = Handshake::wants_more;
    for (int i = 0; i < 10; ++i) {
      const bool client_done = client.shake_hands();
      if (!peer_->incoming.empty()) state = server_->handshake();
      if ((state == Handshake::done && client_done) || state == Handshake::failed) break;
    }
    client.take_in();
    return state;
  }
  IoResult write(const std::string& text) {
    const std::string_view part = text;
    return server_->write(std::span(&part, 1));
  }
  std::string read(size_t room = 128U << 10U) {
    std::string into(room, 0);
    last_ = server_->read(into);
    into.resize(last_.bytes);
    return into;
  }
  // The first step, a few turns of the loop, the next step …; once in a test.
  void run_turns(std::vector<std::function<void()>> steps) {
    constexpr size_t kTurns = 5;
    size_t turn = 0;
    std::function<void()> next = [&] {
      if (turn / kTurns == steps.size()) {
        loop_.stop();
        return;
      }
      if (turn % kTurns == 0) steps[turn / kTurns]();
      ++turn;
      loop_.post(next);
    };
    loop_.post(next);
    loop_.run();
  }

  EventLoop loop_;
  TlsIo io_{loop_};
  Handler handler_;
  std::shared_ptr<MemoryPeer> peer_;
  std::unique_ptr<TlsTransport> server_;
  IoResult last_;
};

TEST_F(TlsTransportTest, MovesBytesBothWays) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    serve(default_settings());
    TlsClient client(peer_, "a.test", version);
    ASSERT_EQ(shake_hands(client), Handshake::done);
    EXPECT_EQ(server_->server_name(), "a.test");
    EXPECT_EQ(server_->version(), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    EXPECT_FALSE(server_->resumed());
    client.write("hello");
    EXPECT_EQ(read(), "hello");
    EXPECT_EQ(read(), "");
    EXPECT_EQ(last_.status, Status::would_block);
    EXPECT_EQ(write("world").bytes, 5U);
    EXPECT_EQ(client.read(), "world");
  }
}

TEST_F(TlsTransportTest, SendsHeadAndBodyInOneRecordAndManyRecordsInOneSend) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  peer_->writes = 0;
  const std::array<std::string_view, 3> parts{"head ", "body ", "tail"};
  EXPECT_EQ(server_->write(parts).bytes, 14U);
  EXPECT_EQ(peer_->writes, 1U);
  EXPECT_LT(peer_->written.size(), 14U + 32U);  // one record's frame
  EXPECT_EQ(client.read(), "head body tail");
  const std::string large(100'000, 'x');
  const std::array<std::string_view, 2> more{"head ", large};
  EXPECT_EQ(server_->write(more).bytes, 100'005U);
  EXPECT_EQ(peer_->writes, 2U);
  EXPECT_LT(peer_->written.size(), 100'005U + 7 * 32U);
  EXPECT_EQ(client.read(), "head " + large);
}

TEST_F(TlsTransportTest, ReportsOnlyWhatLeftAndGoesOnBehindIt) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  std::string text(200'000, 0);
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  peer_->write_limit = 10'001;
  std::string seen;
  size_t sent = 0;
  for (int i = 0; i < 1000 && sent < text.size(); ++i) {
    const IoResult result = write(text.substr(sent));
    ASSERT_NE(result.status, Status::failed);
    sent += result.bytes;
    seen += client.read();
    EXPECT_LE(sent, seen.size());  // what is reported is on its way as a whole
  }
  EXPECT_EQ(sent, text.size());
  EXPECT_EQ(seen, text);
}

TEST_F(TlsTransportTest, WatchesTheSocketForWhatItStillHasToSend) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  peer_->room = 100;
  EXPECT_EQ(write(std::string(1000, 'x')).status, Status::would_block);
  server_->watch(Interest::readable);
  EXPECT_TRUE(peer_->wants(Interest::writable));
  peer_->room = 50;
  peer_->handler->on_writable();
  EXPECT_EQ(handler_.writable, 0);
  EXPECT_TRUE(peer_->wants(Interest::writable));
  server_->watch(Interest::both);
  peer_->room = MemoryPeer::kUnlimited;
  peer_->handler->on_writable();
  EXPECT_EQ(handler_.writable, 1);
  EXPECT_EQ(write(std::string(1000, 'x')).bytes, 1000U);
  EXPECT_EQ(client.read(), std::string(1000, 'x'));
  server_->watch(Interest::readable);
  EXPECT_FALSE(peer_->wants(Interest::writable));
}

TEST_F(TlsTransportTest, TellsOfBytesThatTheSocketNoLongerSignals) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  client.write("0123456789");
  client.write("abc");
  server_->watch(Interest::readable);
  std::string seen = read(4);
  handler_.on_read = [&] { seen += read(4); };
  int told = 0;
  run_turns({[] {}, [&] { told = handler_.readable; }, [] {}});
  EXPECT_EQ(seen, "0123456789abc");
  EXPECT_EQ(handler_.readable, told);
}

TEST_F(TlsTransportTest, DoesNotTellOfHeldBytesWhileNobodyWants) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  client.write("0123456789");
  server_->watch(Interest::readable);
  EXPECT_EQ(read(4), "0123");
  server_->watch(Interest::none);
  handler_.on_read = [&] { server_.reset(); };  // the handler may destroy it
  run_turns({[] {},
             [&] {
               EXPECT_EQ(handler_.readable, 0);
               server_->watch(Interest::readable);
             },
             [] {}});
  EXPECT_EQ(handler_.readable, 1);
}

TEST_F(TlsTransportTest, TakesARecordThatComesByteByByte) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  client.write("hello");
  const std::string record = std::exchange(peer_->incoming, "");
  std::string seen;
  for (const char byte : record) {
    peer_->incoming = byte;
    seen += read();
  }
  EXPECT_EQ(seen, "hello");
}

TEST_F(TlsTransportTest, TellsACleanEndFromATruncation) {
  TlsClient clean(peer_);
  ASSERT_EQ(shake_hands(clean), Handshake::done);
  clean.write("last");
  SSL_shutdown(clean.ssl());
  clean.give_out();
  peer_->ended = true;
  EXPECT_EQ(read(), "last");
  EXPECT_EQ(read(), "");
  EXPECT_EQ(last_.status, Status::closed);

  serve(default_settings());
  TlsClient cut(peer_);
  ASSERT_EQ(shake_hands(cut), Handshake::done);
  cut.write("last");
  peer_->ended = true;
  EXPECT_EQ(read(), "last");
  EXPECT_EQ(read(), "");
  EXPECT_EQ(last_.status, Status::failed);
  EXPECT_EQ(last_.error_number, ECONNRESET);
}

TEST_F(TlsTransportTest, TellsTheEndAgainThroughTheLoop) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  client.write("last");
  SSL_shutdown(client.ssl());
  client.give_out();
  server_->watch(Interest::readable);
  EXPECT_EQ(read(), "last");
  handler_.on_read = [&] { read(); };
  run_turns({[] {}});
  EXPECT_EQ(last_.status, Status::closed);
}

TEST_F(TlsTransportTest, FailsOnATamperedRecord) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  client.write("hello");
  peer_->incoming.back() = static_cast<char>(~peer_->incoming.back());
  EXPECT_EQ(read(), "");
  EXPECT_EQ(last_.status, Status::failed);
  EXPECT_EQ(last_.error_number, EPROTO);
  EXPECT_EQ(write("x").status, Status::failed);
}

TEST_F(TlsTransportTest, SaysCloseNotifyWhenItEndsAndNotWhenItIsCut) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  server_.reset();
  client.read();
  EXPECT_TRUE(client.was_closed());

  serve(default_settings());
  TlsClient other(peer_);
  ASSERT_EQ(shake_hands(other), Handshake::done);
  server_->abort();
  server_.reset();
  other.read();
  EXPECT_FALSE(other.was_closed());
  EXPECT_TRUE(peer_->aborted);
}

TEST_F(TlsTransportTest, ReadsOnAfterItHasShutDownWriting) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  server_->shut_down_writing();
  EXPECT_TRUE(peer_->shut_down);
  client.read();
  EXPECT_TRUE(client.was_closed());
  client.write("still here");
  EXPECT_EQ(read(), "still here");
}

TEST_F(TlsTransportTest, ShutsDownOnlyWhenAllHasLeft) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  peer_->room = 3;
  server_->shut_down_writing();
  EXPECT_FALSE(peer_->shut_down);
  peer_->room = MemoryPeer::kUnlimited;
  peer_->handler->on_writable();
  EXPECT_TRUE(peer_->shut_down);
  client.read();
  EXPECT_TRUE(client.was_closed());
}

TEST_F(TlsTransportTest, IsQuietUntilThePeerSendsOrCloses) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  EXPECT_TRUE(server_->is_quiet());
  SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
  SSL_do_handshake(client.ssl());
  client.give_out();
  EXPECT_TRUE(server_->is_quiet());  // no data of the peer's
  client.write("x");
  EXPECT_FALSE(server_->is_quiet());
  EXPECT_EQ(read(), "x");
  EXPECT_TRUE(server_->is_quiet());
  SSL_shutdown(client.ssl());
  client.give_out();
  EXPECT_FALSE(server_->is_quiet());
}

TEST_F(TlsTransportTest, AnswersKeyUpdatesAndEndsAFloodOfThem) {
  TlsClient client(peer_);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  const auto update = [&] {
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(client.ssl());
    client.give_out();
  };
  update();
  client.write("after");
  EXPECT_EQ(read(), "after");
  write("answer");
  EXPECT_EQ(client.read(), "answer");
  int updates = 0;
  do {
    update();
    read();
    client.take_in();
  } while (last_.status == Status::would_block && ++updates < 1000);
  EXPECT_LT(updates, 100);
  EXPECT_EQ(last_.status, Status::failed);
  EXPECT_EQ(server_->failure(), "tls_flood");
}

TEST_F(TlsTransportTest, RefusesRenegotiation) {
  TlsClient client(peer_, "", TLS1_2_VERSION);
  ASSERT_EQ(shake_hands(client), Handshake::done);
  SSL_renegotiate(client.ssl());
  SSL_do_handshake(client.ssl());
  client.give_out();
  read();
  client.take_in();
  EXPECT_NE(SSL_do_handshake(client.ssl()), 1);
  EXPECT_EQ(write("x").bytes, 1U);
}

TEST_F(TlsTransportTest, ResumesASessionByTicket) {
  SSL_SESSION* session = nullptr;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    {
      serve(default_settings());
      TlsClient client(peer_, "a.test", version);
      ASSERT_EQ(shake_hands(client), Handshake::done);
      client.read();
      session = SSL_get1_session(client.ssl());
    }
    serve(default_settings());  // another worker, another process with the same keys
    TlsClient again(peer_, "a.test", version);
    SSL_set_session(again.ssl(), session);
    ASSERT_EQ(shake_hands(again), Handshake::done);
    EXPECT_TRUE(server_->resumed());
    auto other = default_settings();
    other.session_context = "another";
    serve(other);
    TlsClient elsewhere(peer_, "a.test", version);
    SSL_set_session(elsewhere.ssl(), session);
    ASSERT_EQ(shake_hands(elsewhere), Handshake::done);
    EXPECT_FALSE(server_->resumed());
    SSL_SESSION_free(session);
  }
}

TEST_F(TlsTransportTest, ChoosesTheProtocolByAlpn) {
  const auto chosen = [&](const std::string& list, bool http2) {
    auto settings = default_settings();
    settings.http2 = http2;
    serve(settings);
    TlsClient client(peer_);
    SSL_set_alpn_protos(client.ssl(), reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned>(list.size()));
    if (shake_hands(client) != Handshake::done) return std::string(server_->failure());
    return std::string(server_->protocol());
  };
  EXPECT_EQ(chosen("\x08http/1.1\x02h2", true), "h2");
  EXPECT_EQ(chosen("\x08http/1.1\x02h2", false), "http/1.1");
  EXPECT_EQ(chosen("\x05weird", true), "tls_no_shared_protocol");
}

TEST_F(TlsTransportTest, RefusesAnUnknownNameOnlyWhenStrict) {
  TlsClient lenient(peer_, "other.test");
  EXPECT_EQ(shake_hands(lenient), Handshake::done);
  auto settings = default_settings();
  settings.strict_sni = true;
  for (const char* name : {"other.test", ""}) {
    serve(settings);
    TlsClient strict(peer_, name);
    EXPECT_EQ(shake_hands(strict), Handshake::failed);
    EXPECT_EQ(server_->failure(), "tls_unknown_name");
    EXPECT_FALSE(peer_->written.empty() && strict.read().empty() && !strict.was_closed());
  }
  serve(settings);
  TlsClient known(peer_, "a.test");
  EXPECT_EQ(shake_hands(known), Handshake::done);
}

TEST_F(TlsTransportTest, NamesTheSubjectOfAVerifiedClientCertificate) {
  const TlsIdentity authority = make_identity({.common_name = "ca", .is_authority = true});
  const TlsIdentity good = make_identity({.common_name = "J\xC3\xBCrgen, x", .issuer = &authority});
  const TlsIdentity stranger = make_identity({.common_name = "stranger"});
  auto settings = default_settings();
  settings.client_certificate = ClientCertificate::required;
  settings.client_ca_path = "ca.pem";
  settings.client_ca_pem = authority.cert_pem;
  const auto attempt = [&](const TlsIdentity* mine) {
    serve(settings);
    TlsClient client(peer_);
    if (mine != nullptr) use_identity(client.ssl(), *mine);
    const bool done = shake_hands(client) == Handshake::done;
    return done ? server_->peer_subject() : std::string(server_->failure());
  };
  EXPECT_EQ(attempt(&good), "CN=J\\C3\\BCrgen\\, x");
  EXPECT_EQ(attempt(&stranger), "tls_bad_client_certificate");
  EXPECT_EQ(attempt(nullptr), "tls_no_client_certificate");
  settings.client_certificate = ClientCertificate::optional;
  EXPECT_EQ(attempt(nullptr), "");
  EXPECT_EQ(attempt(&stranger), "tls_bad_client_certificate");
}

TEST_F(TlsTransportTest, SaysWhyAHandshakeFailed) {
  TlsClient old(peer_, "", TLS1_2_VERSION);
  auto settings = default_settings();
  settings.min_version = TlsVersion::tls13;
  serve(settings);
  TlsClient too_old(peer_, "", TLS1_2_VERSION);
  EXPECT_EQ(shake_hands(too_old), Handshake::failed);
  EXPECT_EQ(server_->failure(), "tls_version");
  serve(default_settings());
  peer_->ended = true;
  EXPECT_EQ(server_->handshake(), Handshake::failed);
  EXPECT_EQ(server_->failure(), "tls_peer_closed");
  serve(default_settings());
  EXPECT_EQ(server_->handshake("GET / HTTP/1.1\r\n\r\n"), Handshake::failed);
}

TEST_F(TlsTransportTest, TakesBytesThatCameBeforeIt) {
  TlsClient client(peer_);
  client.shake_hands();
  const std::string hello = std::exchange(peer_->incoming, "");
  EXPECT_EQ(server_->handshake(std::string_view(hello).substr(0, 7)), Handshake::wants_more);
  EXPECT_EQ(server_->handshake(std::string_view(hello).substr(7)), Handshake::wants_more);
  ASSERT_TRUE(client.shake_hands());
  client.write("early");  // behind the client's Finished
  EXPECT_EQ(server_->handshake(), Handshake::done);
  EXPECT_EQ(read(), "early");
}

}  // namespace
}  // namespace flaskscale::net
