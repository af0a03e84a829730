#include "proxy/net/socket_transport.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/loop_thread.h"
#include "tests/unit/net/raw_socket.h"

namespace flaskscale::net {
namespace {

using Status = IoResult::Status;

// Reads all it is told of. Loop thread.
struct Reader final : TransportHandler {
  void on_readable() override {
    ++readable;
    if (on_read) {
      on_read();
      return;
    }
    std::array<char, 4096> buffer{};
    const IoResult result = transport->read(buffer);
    last = result.status;
    if (result.status == Status::ok) received.append(buffer.data(), result.bytes);
    if (result.status == Status::failed) error_number = result.error_number;
    if (result.status == Status::failed || result.status == Status::closed) {
      transport->watch(Interest::none);
      ended = true;
    }
  }
  void on_writable() override {
    ++writable;
    if (on_write) on_write();
  }

  std::unique_ptr<SocketTransport> transport;
  std::function<void()> on_read;
  std::function<void()> on_write;
  std::string received;
  Status last = Status::would_block;
  int error_number = 0;
  int readable = 0;
  int writable = 0;
  bool ended = false;
};

class SocketTransportTest : public testing::Test {
 protected:
  void TearDown() override {
    side_.call([&] { end_.transport.reset(); });
    side_.finish();
  }

  // Connected, watching nothing; the peer is the test's.
  RawSocket connect() {
    begin_connect(listener_.address());
    RawSocket peer = listener_.accept();
    EXPECT_TRUE(side_.eventually([&] { return end_.writable > 0; }));
    side_.call([&] {
      EXPECT_EQ(end_.transport->connect_result(), 0);
      end_.transport->watch(Interest::none);
      end_.writable = 0;
    });
    return peer;
  }
  void begin_connect(const SocketAddress& to) {
    side_.call([&] {
      auto made = SocketTransport::connect(side_.loop(), to, end_);
      ASSERT_TRUE(made) << made.error().detail;
      end_.transport = *std::move(made);
    });
  }
  void watch(Interest interest) {
    side_.call([&] { end_.transport->watch(interest); });
  }
  IoResult write(std::vector<std::string_view> parts) {
    return side_.call([&] { return end_.transport->write(parts); });
  }
  // Writes until the pipe is full; how much it took.
  size_t fill() {
    const std::string much(1U << 20U, 'x');
    return side_.call([&] {
      size_t taken = 0;
      const std::string_view part = much;
      while (true) {
        const IoResult result = end_.transport->write(std::span(&part, 1));
        if (result.status != Status::ok) {
          EXPECT_EQ(result.status, Status::would_block);
          return taken;
        }
        taken += result.bytes;
      }
    });
  }

  RawListener listener_;
  Reader end_;
  LoopThread side_;
};

TEST_F(SocketTransportTest, ConnectsAndSaysSo) {
  RawSocket peer = connect();
  peer.send("hello");
  watch(Interest::readable);
  EXPECT_TRUE(side_.eventually([&] { return end_.received == "hello"; }));
}

TEST_F(SocketTransportTest, SaysWhyItCouldNotConnect) {
  SocketAddress nobody;
  {
    const RawListener gone;
    nobody = gone.address();
  }
  end_.on_write = [&] {
    end_.error_number = end_.transport->connect_result();
    end_.transport->watch(Interest::none);
  };
  begin_connect(nobody);
  ASSERT_TRUE(side_.eventually([&] { return end_.writable > 0; }));
  EXPECT_EQ(side_.call([&] { return end_.error_number; }), ECONNREFUSED);
}

TEST_F(SocketTransportTest, GathersThePartsOfAWrite) {
  RawSocket peer = connect();
  const IoResult result = write({"head ", "", "body ", "end"});
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.bytes, 13U);
  EXPECT_EQ(peer.receive(13), "head body end");
  EXPECT_EQ(write({"", ""}).status, Status::ok);
  EXPECT_EQ(write({}).bytes, 0U);
}

TEST_F(SocketTransportTest, TakesLessWhenThePeerDoesNotReadAndTellsWhenItDoes) {
  RawSocket peer = connect();
  const size_t taken = fill();
  watch(Interest::both);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(side_.call([&] { return end_.writable; }), 0);
  side_.call([&] { end_.on_write = [&] { end_.transport->watch(Interest::none); }; });
  EXPECT_EQ(peer.receive(taken), std::string(taken, 'x'));
  EXPECT_TRUE(side_.eventually([&] { return end_.writable > 0; }));
  EXPECT_EQ(write({"more"}).bytes, 4U);
}

TEST_F(SocketTransportTest, GivesWhatCameBeforeThePeerClosed) {
  RawSocket peer = connect();
  peer.send("last words");
  peer.close();
  watch(Interest::readable);
  ASSERT_TRUE(side_.eventually([&] { return end_.ended; }));
  EXPECT_EQ(end_.received, "last words");
  EXPECT_EQ(end_.last, Status::closed);
}

// The error state of the descriptor ends libuv's polling; what came before it must still be read,
// in as many turns as that takes.
TEST_F(SocketTransportTest, TellsOfAResetAgainUntilItsErrorWasFetched) {
  RawSocket peer = connect();
  std::array<char, 3> small{};
  int turns = 0;
  end_.on_read = [&] {
    ++turns;
    if (turns < 3) return;  // not read yet
    const IoResult result = end_.transport->read(small);
    if (result.status == Status::ok) return;
    end_.error_number = result.error_number;
    end_.transport->watch(Interest::none);
    end_.ended = true;
  };
  watch(Interest::readable);
  peer.reset();
  ASSERT_TRUE(side_.eventually([&] { return end_.ended; }));
  EXPECT_EQ(end_.error_number, ECONNRESET);
  EXPECT_EQ(turns, 3);
}

TEST_F(SocketTransportTest, GivesDataAndThenTheErrorOfAReset) {
  RawSocket peer = connect();
  // Unread bytes at the peer make its close a reset, behind what it has sent.
  EXPECT_EQ(write({"never read"}).bytes, 10U);
  pollfd arrived{peer.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&arrived, 1, 20000), 1);
  peer.send("answer");
  std::string first;
  end_.on_read = [&] {
    std::array<char, 2> small{};
    const IoResult result = end_.transport->read(small);
    if (result.status == Status::ok) {
      if (end_.received.empty()) peer.close();
      end_.received.append(small.data(), result.bytes);
      return;
    }
    end_.error_number = result.error_number;
    end_.transport->watch(Interest::none);
    end_.ended = true;
  };
  watch(Interest::readable);
  ASSERT_TRUE(side_.eventually([&] { return end_.ended; }));
  EXPECT_TRUE(std::string_view("answer").starts_with(end_.received)) << end_.received;
  EXPECT_GE(end_.received.size(), 2U);
  EXPECT_EQ(end_.error_number, ECONNRESET);
}

TEST_F(SocketTransportTest, FailsToWriteAfterAReset) {
  RawSocket peer = connect();
  peer.reset();
  IoResult result;
  ASSERT_TRUE(side_.eventually([&] {
    const std::string_view part = "x";
    result = end_.transport->write(std::span(&part, 1));
    return result.status == Status::failed;
  }));
  EXPECT_TRUE(result.error_number == ECONNRESET || result.error_number == EPIPE);
}

TEST_F(SocketTransportTest, IsQuietUntilThePeerSendsOrCloses) {
  RawSocket peer = connect();
  EXPECT_TRUE(side_.call([&] { return end_.transport->is_quiet(); }));
  peer.send("x");
  EXPECT_TRUE(side_.eventually([&] { return !end_.transport->is_quiet(); }));
  watch(Interest::readable);
  ASSERT_TRUE(side_.eventually([&] { return end_.received == "x"; }));
  EXPECT_TRUE(side_.call([&] { return end_.transport->is_quiet(); }));
  watch(Interest::none);
  peer.close();
  EXPECT_TRUE(side_.eventually([&] { return !end_.transport->is_quiet(); }));
}

TEST_F(SocketTransportTest, EndsWhenDestroyedAndResetsWhenAborted) {
  RawSocket ended = connect();
  side_.call([&] { end_.transport.reset(); });
  EXPECT_EQ(ended.receive(1), "");
  EXPECT_EQ(ended.last_error(), 0);

  RawSocket cut = connect();
  side_.call([&] {
    end_.transport->abort();
    end_.transport.reset();
  });
  EXPECT_EQ(cut.receive(1), "");
  EXPECT_EQ(cut.last_error(), ECONNRESET);
}

TEST_F(SocketTransportTest, ReadsOnAfterItHasShutDownWriting) {
  RawSocket peer = connect();
  side_.call([&] { end_.transport->shut_down_writing(); });
  EXPECT_EQ(peer.receive(1), "");
  EXPECT_EQ(peer.last_error(), 0);
  peer.send("still here");
  watch(Interest::readable);
  EXPECT_TRUE(side_.eventually([&] { return end_.received == "still here"; }));
}

TEST_F(SocketTransportTest, IsToldAgainOfWhatItHasNotRead) {
  RawSocket peer = connect();
  end_.on_read = [] {};
  peer.send("x");
  watch(Interest::readable);
  EXPECT_TRUE(side_.eventually([&] { return end_.readable > 3; }));
  watch(Interest::none);
  const int seen = side_.call([&] { return end_.readable; });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(side_.call([&] { return end_.readable; }), seen);
}

TEST_F(SocketTransportTest, TellsOfTheEndWithoutAReadWhereOnlyThatIsWanted) {
  for (const bool by_reset : {false, true}) {
    end_.readable = 0;
    RawSocket peer = connect();
    end_.on_read = [&] { end_.transport->watch(Interest::none); };
    peer.send("never read");
    watch(Interest::end);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(side_.call([&] { return end_.readable; }), 0);
    if (by_reset) peer.reset();
    peer.close();
    EXPECT_TRUE(side_.eventually([&] { return end_.readable == 1; })) << by_reset;
    side_.call([&] { end_.transport.reset(); });
  }
}

TEST_F(SocketTransportTest, MayBeDestroyedInsideOnReadable) {
  RawSocket peer = connect();
  end_.on_read = [&] { end_.transport.reset(); };
  peer.send("x");
  watch(Interest::both);  // writable in the same event: must not be told any more
  ASSERT_TRUE(side_.eventually([&] { return end_.readable == 1; }));
  side_.call([&] { EXPECT_EQ(end_.transport, nullptr); });
  EXPECT_EQ(peer.receive(1), "");
}

}  // namespace
}  // namespace flaskscale::net
