// An HTTP backend on a loopback port, on a thread of its own, that answers as the test says.
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
#include "tests/support/loop_thread.h"

namespace flaskscale::forward {

class TestBackend {
 public:
  // What to send when these bytes have come since the last answer; empty: nothing yet.
  using Answer = std::function<std::string(const std::string& received)>;

  TestBackend() {
    auto sockets = net::bind_listeners(*net::SocketAddress::from_endpoint({"127.0.0.1", 0}), 1);
    EXPECT_TRUE(sockets);
    address_ = net::local_address(sockets->front().get()).to_string();
    side_.keep<net::Acceptor>(
        side_.loop(), std::move(sockets->front()), net::Acceptor::Room{[] { return true; }, [] {}},
        [this](net::OwnedFd socket, const net::SocketAddress&) {
          connections_.push_back(std::make_unique<Connection>(*this, socket.release()));
        });
  }
  ~TestBackend() {
    side_.call([&] { connections_.clear(); });
    side_.finish();
  }

  const std::string& address() const { return address_; }

  void answer_by(Answer answer) {
    side_.call([&] { answer_ = std::move(answer); });
  }
  // The same bytes to each request head.
  void answer_with(std::string bytes) {
    answer_by([bytes = std::move(bytes)](const std::string& received) {
      return received.find("\r\n\r\n") == std::string::npos ? std::string() : bytes;
    });
  }
  void hold_answers() {
    answer_by([](const std::string&) { return std::string(); });
  }
  // The first `count` connections end as soon as a request has come.
  void close_after_requests(size_t count) {
    side_.call([&] { closing_ = count; });
  }
  // To the newest connection.
  void send(std::string_view bytes) {
    side_.call([&] { connections_.back()->send(bytes); });
  }
  void close_newest() {
    side_.call([&] { connections_.back()->transport.reset(); });
  }
  // Everything the connections got, in order of arrival.
  std::string received() {
    return side_.call([&] { return all_; });
  }
  bool has_received(std::string_view text) {
    return side_.eventually([&] { return all_.find(text) != std::string::npos; });
  }
  // As many connections as were ever made.
  size_t connections() {
    return side_.call([&] { return connections_.size(); });
  }
  bool newest_is_closed_by_peer() {
    return side_.eventually([&] { return connections_.back()->peer_closed; });
  }

 private:
  struct Connection final : net::TransportHandler {
    Connection(TestBackend& of, int fd)
        : backend(of),
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
      const std::string_view bytes(buffer.data(), result.bytes);
      backend.all_.append(bytes);
      received.append(bytes);
      if (backend.closing_ > 0) {
        --backend.closing_;
        transport.reset();
        return;
      }
      const std::string answer = backend.answer_(received);
      if (answer.empty()) return;
      received.clear();
      send(answer);
    }
    void on_writable() override {
      if (out.flush(*transport) == SendState::sent) transport->watch(net::Interest::readable);
    }
    void send(std::string_view bytes) {
      if (out.send(*transport, bytes) == SendState::blocked) transport->watch(net::Interest::both);
    }

    TestBackend& backend;
    Outgoing out;
    std::unique_ptr<net::SocketTransport> transport;
    std::string received;
    bool peer_closed = false;
  };

  std::string address_;
  BufferPool buffers_;  // loop thread, as all below
  Answer answer_ = [](const std::string&) { return std::string(); };
  std::string all_;
  size_t closing_ = 0;
  LoopThread side_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace flaskscale::forward
