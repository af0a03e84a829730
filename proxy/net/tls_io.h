// What the TLS connections of one event loop share: buffers that hold bytes only during a call.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "proxy/net/event_loop.h"

struct bio_method_st;

namespace flaskscale::net {

class TlsTransport;

// Loop thread only. Outlives the transports that use it; ends before the loop or after its run.
class TlsIo {
 public:
  static constexpr size_t kReadBytes = 128U << 10U;

  explicit TlsIo(EventLoop& loop);
  ~TlsIo();
  TlsIo(const TlsIo&) = delete;
  TlsIo& operator=(const TlsIo&) = delete;

 private:
  friend class TlsTransport;

  // One allocation, when the first connection comes.
  std::vector<char>& received();

  // Tells this transport in the next turn that it is readable: its socket would not.
  void add_ready(TlsTransport& transport);
  void remove_ready(TlsTransport& transport);
  void tell_ready();

  EventLoop& loop_;
  bio_method_st* bio_method_;
  std::vector<char> received_;  // ciphertext of one recv
  std::string to_send_;         // ciphertext of one send
  std::string record_;          // small parts on their way into one record
  // Of the records in to_send_: where each ends there, and how much plaintext is in all up to it.
  std::vector<std::pair<size_t, size_t>> records_;
  std::vector<TlsTransport*> ready_;
  std::vector<TlsTransport*> telling_;  // those of ready_ that are being told; null: gone
  bool posted_ = false;
};

}  // namespace flaskscale::net
