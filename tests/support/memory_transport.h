// A Transport over plain memory that does what its script says and remembers what was done to it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/net/transport.h"

namespace flaskscale {

// The other end of a MemoryTransport: the script, and what was seen. It outlives the transport.
struct MemoryPeer {
  static constexpr size_t kUnlimited = ~size_t{0};

  // The script.
  std::string incoming;  // read() gives it, at most read_limit bytes at a time
  size_t read_limit = kUnlimited;
  bool ended = false;               // after `incoming`, read() says closed
  int read_error = 0;               // after `incoming`, read() fails with this errno
  size_t write_limit = kUnlimited;  // bytes that one write() takes
  size_t room = kUnlimited;         // bytes taken in all before write() would block
  int write_error = 0;              // write() fails with this errno
  int connect_error = 0;

  // What was seen.
  std::string written;
  size_t writes = 0;                     // calls that took something
  size_t most_parts = 0;                 // of one write
  std::vector<net::Interest> interests;  // each change
  bool aborted = false;
  bool shut_down = false;
  bool destroyed = false;
  net::TransportHandler* handler = nullptr;  // the last one that was set

  net::Interest interest() const {
    return interests.empty() ? net::Interest::none : interests.back();
  }
  bool wants(net::Interest one) const {
    return !destroyed && (static_cast<unsigned>(interest()) & static_cast<unsigned>(one)) != 0;
  }
  bool has_news() const { return !incoming.empty() || ended || read_error != 0; }
  bool takes_bytes() const { return write_error != 0 || (room > 0 && write_limit > 0); }

  // What a level-triggered poll would tell the handler, once each. False: nothing to tell.
  bool poll(net::TransportHandler& reader) {
    bool told = false;
    if (wants(net::Interest::readable) && has_news()) {
      told = true;
      reader.on_readable();
    }
    if (wants(net::Interest::writable) && takes_bytes()) {
      told = true;
      reader.on_writable();
    }
    return told;
  }
};

class MemoryTransport final : public net::Transport {
 public:
  explicit MemoryTransport(std::shared_ptr<MemoryPeer> peer) : peer_(std::move(peer)) {}
  ~MemoryTransport() override { peer_->destroyed = true; }
  MemoryTransport(const MemoryTransport&) = delete;
  MemoryTransport& operator=(const MemoryTransport&) = delete;

  void set_handler(net::TransportHandler& handler) override { peer_->handler = &handler; }

  net::IoResult read(std::span<char> into) override {
    const size_t count = std::min({into.size(), peer_->incoming.size(), peer_->read_limit});
    if (count > 0) {
      std::copy_n(peer_->incoming.begin(), count, into.begin());
      peer_->incoming.erase(0, count);
      return {net::IoResult::Status::ok, count, 0};
    }
    if (peer_->read_error != 0) return {net::IoResult::Status::failed, 0, peer_->read_error};
    if (peer_->ended) return {net::IoResult::Status::closed, 0, 0};
    return {net::IoResult::Status::would_block, 0, 0};
  }

  net::IoResult write(std::span<const std::string_view> parts) override {
    if (peer_->write_error != 0) return {net::IoResult::Status::failed, 0, peer_->write_error};
    peer_->most_parts = std::max(peer_->most_parts, parts.size());
    size_t left = std::min(peer_->write_limit, peer_->room);
    size_t asked = 0;
    size_t moved = 0;
    for (const std::string_view part : parts) {
      const std::string_view taken = part.substr(0, left);
      peer_->written.append(taken);
      asked += part.size();
      moved += taken.size();
      left -= taken.size();
    }
    if (peer_->room != MemoryPeer::kUnlimited) peer_->room -= moved;
    if (moved == 0 && asked > 0) return {net::IoResult::Status::would_block, 0, 0};
    ++peer_->writes;
    return {net::IoResult::Status::ok, moved, 0};
  }

  void watch(net::Interest interest) override {
    if (interest != peer_->interest()) peer_->interests.push_back(interest);
  }
  net::Interest interest() const override { return peer_->interest(); }
  void abort() override { peer_->aborted = true; }
  void shut_down_writing() override { peer_->shut_down = true; }
  int connect_result() override { return peer_->connect_error; }
  bool is_quiet() override { return !peer_->has_news(); }

 private:
  const std::shared_ptr<MemoryPeer> peer_;
};

}  // namespace flaskscale
