// A byte pipe to one peer: a TCP socket, later TLS over one, in tests plain memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace flaskscale::net {

// Told when a transport can go on. The calls may destroy or retire the handler.
class TransportHandler {
 public:
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;

 protected:
  ~TransportHandler() = default;
};

struct IoResult {
  enum class Status : uint8_t { ok, would_block, closed, failed };
  Status status = Status::ok;
  size_t bytes = 0;      // moved; at least 1 when ok (unless nothing was asked)
  int error_number = 0;  // errno when failed
};

// Bits. `end`, which is not for `readable` as well: that the peer has closed or reset the
// connection, whatever of it is unread; told by on_readable().
enum class Interest : uint8_t { none = 0, readable = 1, writable = 2, both = 3, end = 4 };

// Destroying it closes the connection. Loop thread only.
class Transport {
 public:
  virtual ~Transport() = default;

  // From now on this handler is told. Before the first read, or from inside a call of the old one.
  virtual void set_handler(TransportHandler& handler) = 0;

  virtual IoResult read(std::span<char> into) = 0;

  // Gathers the parts into one send. A short count means that the pipe is full.
  virtual IoResult write(std::span<const std::string_view> parts) = 0;

  // Readiness the handler wants from now on; level-triggered. Setting what is set costs nothing.
  virtual void watch(Interest interest) = 0;
  virtual Interest interest() const = 0;

  // Destroying it from now on resets the connection: the peer sees that it was cut, not ended.
  virtual void abort() = 0;

  // No more bytes from this side; reading goes on.
  virtual void shut_down_writing() = 0;

  // For a connection begun by connect(): 0 once it stands, EINPROGRESS, or the errno it failed
  // with.
  virtual int connect_result() = 0;

  // True if the peer has neither closed nor sent anything unasked.
  virtual bool is_quiet() = 0;
};

}  // namespace flaskscale::net
