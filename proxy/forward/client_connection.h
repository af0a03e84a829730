// One HTTP/1.x connection of a client: heads and bodies in, one exchange at a time, responses out.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/timeout_list.h"
#include "proxy/forward/client_session.h"
#include "proxy/forward/client_stream.h"
#include "proxy/forward/connection_facts.h"
#include "proxy/forward/outgoing.h"
#include "proxy/http/http1_parser.h"

namespace flaskscale::forward {

class Exchange;
class WorkerServices;

// Worker thread only. Small while idle: no buffer, no exchange.
class ClientConnection final : public ClientSession, public ClientStream {
 public:
  // How long a closing connection waits for its client to read the last answer and to stop sending.
  static constexpr Duration kLinger = std::chrono::seconds(2);

  ClientConnection(WorkerServices& services, ClientSessionOwner& owner, ConnectionFacts facts);
  ~ClientConnection() override;

  // ClientSession
  void open(std::unique_ptr<net::Transport> transport, std::string_view received) override;
  void on_drain() override;
  void on_shutdown() override;
  void on_timeout() override;
  void on_readable() override;
  void on_writable() override;

  // ClientStream
  SendState send_informational(const http::ResponseHead& head) override;
  SendState send_head(const http::ResponseHead& head, std::string_view body, End end,
                      std::string_view trailers) override;
  SendState send_body(std::string_view body, End end, std::string_view trailers) override;
  SendState send_switch(const http::ResponseHead& head, std::string_view bytes) override;
  SendState send_tunnelled(std::string_view bytes) override;
  void end_tunnelled() override;
  size_t send_own_answer(http::OwnAnswer answer) override;
  void set_request_flow(RequestFlow flow) override;
  void on_exchange_end(AfterExchange after) override;

 private:
  enum class State : uint8_t {
    idle,     // between requests, nothing received
    head,     // part of a head received
    body,     // an exchange is under way, its request body still comes
    waiting,  // an exchange is under way, its request is complete
    tunnel,
    lingering,  // the last answer is sent or being sent; what comes is thrown away
    closed,
  };
  // Why nothing is read just now, as bits.
  enum Hold : uint8_t { kFlow = 1, kPipelined = 2, kPeerClosed = 4 };

  void on_bytes(char* data, size_t size);
  void on_held_bytes();
  size_t consume(char* data, size_t size);
  // Each uses a part of the bytes, at least one; 0: more are needed, or nothing more is taken now.
  size_t consume_head(char* data, size_t size);
  size_t consume_body(char* data, size_t size);
  size_t consume_tunnel(const char* data, size_t size);

  size_t begin_exchange(char* data, size_t size, size_t head_bytes);
  bool refuse_declared_body(const http::RequestHead& head);
  // `received`: what there is of the head, for the form of the answer.
  void refuse(uint16_t status, std::string_view reason, std::string_view received = {});
  void request_body_broken(const Error& error);
  void on_peer_closed();
  void end_after_peer_closed();
  void on_peer_lost();

  SendState send_chunk(std::string_view body, End end, std::string_view trailers);
  SendState sent(SendState state);
  http::ClientConnectionAfter after_this_response(End response_end) const;
  void hold(const char* data, size_t size);
  void set_hold(Hold reason, bool on);
  void update_interest();
  void restart_timer();
  void become_idle();
  void linger();
  void close();

  WorkerServices& services_;
  ClientSessionOwner& owner_;
  std::unique_ptr<net::Transport> transport_;
  Exchange* exchange_ = nullptr;       // the pool's; null between requests
  std::unique_ptr<std::string> held_;  // received and not used yet; null when empty
  Outgoing outgoing_;
  TimeoutEntry deadline_;
  Time began_{};  // the first byte of the current request
  const ConnectionFacts facts_;
  uint32_t lingered_bytes_ = 0;
  http::Http1RequestParser parser_;
  http::Framing response_framing_ = http::Framing::none;
  http::Version version_ = http::Version::http11;
  State state_ = State::idle;
  uint8_t holds_ = 0;
  bool keep_alive_ = true;  // the client's and our wish so far
  bool consuming_ = false;  // inside consume()
  bool broken_ = false;     // a write has failed: what is held of its requests is nobody's any more
  bool close_when_sent_ = false;
  bool shut_down_when_sent_ = false;
};

}  // namespace flaskscale::forward
