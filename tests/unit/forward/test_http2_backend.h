// A backend of raw HTTP/2 frames on a loopback port, on a thread of its own: it says what the test
// says, and remembers each connection's frames.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/forward/buffer_pool.h"
#include "proxy/forward/outgoing.h"
#include "proxy/net/listen_socket.h"
#include "proxy/net/socket_transport.h"
#include "tests/support/http2_frames.h"
#include "tests/support/loop_thread.h"

namespace flaskscale::forward {

class TestHttp2Backend {
 public:
  // What to send when this frame has come; empty: nothing.
  using Answer = std::function<std::string(size_t connection, const http2::Frame& frame)>;

  explicit TestHttp2Backend(std::string greeting = http2::settings()) : greeting_(greeting) {
    auto sockets = net::bind_listeners(*net::SocketAddress::from_endpoint({"127.0.0.1", 0}), 1);
    EXPECT_TRUE(sockets);
    address_ = net::local_address(sockets->front().get()).to_string();
    side_.keep<net::Acceptor>(side_.loop(), std::move(sockets->front()),
                              net::Acceptor::Room{[] { return true; }, [] {}},
                              [this](net::OwnedFd socket, const net::SocketAddress&) {
                                connections_.push_back(std::make_unique<Connection>(
                                    *this, connections_.size(), socket.release()));
                                connections_.back()->send(greeting_);
                              });
  }
  ~TestHttp2Backend() {
    side_.call([&] { connections_.clear(); });
    side_.finish();
  }

  const std::string& address() const { return address_; }

  void answer_by(Answer answer) {
    side_.call([&] { answer_ = std::move(answer); });
  }
  // To each request that has ended: 200 and "ok".
  void answer_all() {
    answer_by([](size_t, const http2::Frame& frame) {
      return frame.ends_stream() ? ok(frame.stream) : std::string();
    });
  }
  static std::string ok(uint32_t stream, std::string_view body = "ok") {
    return http2::headers(stream, {{":status", "200"}}, false) + http2::data(stream, body, true);
  }
  void greet_with(std::string greeting) {
    side_.call([&] { greeting_ = std::move(greeting); });
  }

  void send(size_t connection, std::string_view bytes) {
    side_.call([&] { connections_.at(connection)->send(bytes); });
  }
  void close(size_t connection) {
    side_.call([&] { connections_.at(connection)->transport.reset(); });
  }
  size_t connections() {
    return side_.call([&] { return connections_.size(); });
  }
  // Its client has closed it.
  bool is_closed(size_t connection) {
    return side_.call([&] { return connections_.at(connection)->peer_closed; });
  }
  // Behind the preface.
  std::vector<http2::Frame> frames(size_t connection) {
    return side_.call([&] {
      if (connection >= connections_.size()) return std::vector<http2::Frame>();
      return connections_[connection]->frames;
    });
  }
  size_t count(size_t connection, uint8_t kind, uint32_t stream) {
    const auto all = frames(connection);
    return static_cast<size_t>(std::ranges::count_if(
        all, [&](const auto& one) { return one.kind == kind && one.stream == stream; }));
  }
  std::string body(size_t connection, uint32_t stream) {
    std::string bytes;
    for (const auto& frame : frames(connection)) {
      if (frame.kind == http2::kData && frame.stream == stream) bytes += frame.payload;
    }
    return bytes;
  }
  bool has_ended(size_t connection, uint32_t stream) {
    const auto all = frames(connection);
    return std::ranges::any_of(
        all, [&](const auto& one) { return one.stream == stream && one.ends_stream(); });
  }

 private:
  struct Connection final : net::TransportHandler {
    Connection(TestHttp2Backend& of, size_t index, int fd)
        : backend(of),
          number(index),
          out(of.buffers_),
          transport(std::make_unique<net::SocketTransport>(of.side_.loop(), fd, *this)) {
      transport->watch(net::Interest::readable);
    }
    void on_readable() override {
      std::array<char, 65536> buffer;  // NOLINT: filled by read
      const auto result = transport->read(buffer);
      if (result.status == net::IoResult::Status::would_block) return;
      if (result.status != net::IoResult::Status::ok) {
        peer_closed = true;
        transport.reset();
        return;
      }
      received.append(buffer.data(), result.bytes);
      take_frames();
    }
    void take_frames() {
      if (!greeted) {
        if (received.size() < http2::kPreface.size()) return;
        EXPECT_TRUE(received.starts_with(http2::kPreface));
        received.erase(0, http2::kPreface.size());
        greeted = true;
      }
      size_t used = 0;
      for (auto& frame : http2::frames_of(received)) {
        used += 9 + frame.payload.size();
        frames.push_back(frame);
        if (frame.kind == http2::kSettings && (frame.flags & http2::kAck) == 0) {
          send(http2::settings_ack());
        }
        const std::string answer = backend.answer_(number, frame);
        if (!answer.empty()) send(answer);
      }
      received.erase(0, used);
    }
    void on_writable() override {
      if (out.flush(*transport) == SendState::sent) transport->watch(net::Interest::readable);
    }
    void send(std::string_view bytes) {
      if (transport == nullptr) return;
      if (out.send(*transport, bytes) == SendState::blocked) transport->watch(net::Interest::both);
    }

    TestHttp2Backend& backend;
    const size_t number;
    Outgoing out;
    std::unique_ptr<net::SocketTransport> transport;
    std::string received;
    std::vector<http2::Frame> frames;
    bool greeted = false;
    bool peer_closed = false;
  };

  std::string address_;
  std::string greeting_;
  BufferPool buffers_;  // loop thread, as all below
  Answer answer_ = [](size_t, const http2::Frame&) { return std::string(); };
  LoopThread side_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace flaskscale::forward
