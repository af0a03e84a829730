// What comes before a connection's first request: PROXY header, TLS handshake, choice of protocol.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/timeout_list.h"
#include "proxy/forward/client_session.h"
#include "proxy/forward/connection_facts.h"
#include "proxy/forward/turn_ration.h"
#include "proxy/net/tls_transport.h"

namespace flaskscale::forward {

class WorkerServices;

// Worker thread only. Replaced by the session of the protocol that was chosen.
class ClientGreeting final : public ClientSession, public Rationed {
 public:
  ClientGreeting(WorkerServices& services, ClientSessionOwner& owner, ConnectionFacts facts);
  ~ClientGreeting() override;

  void open(std::unique_ptr<net::Transport> transport, std::string_view received) override;
  void on_drain() override;
  void on_shutdown() override;
  void on_timeout() override;
  void on_readable() override;
  void on_writable() override {}

  // Rationed: for a step of the handshake.
  void on_turn() override;

 private:
  enum class State : uint8_t {
    proxy_header,
    first_bytes,  // of TLS, or of HTTP
    handshake,
    lingering,  // refused: what still comes is thrown away
    closed,
  };

  void receive();
  void on_bytes(std::string_view bytes);
  // Bytes of the header; 0: more are needed, or the connection was closed.
  size_t take_proxy_header(std::string_view bytes);
  void choose_by_first_bytes(std::string_view bytes);
  void start_tls(std::string_view bytes);
  void shake_hands(std::string_view bytes);
  void on_secured();
  void go_on_as(bool http2, std::string_view received);
  void hold(std::string_view bytes);
  void refuse_plain_http();
  void count_malformed(std::string_view reason, uint16_t status, size_t bytes);
  void restart_timer();
  void close();

  WorkerServices& services_;
  ClientSessionOwner& owner_;
  ConnectionFacts facts_;
  std::unique_ptr<net::Transport> transport_;
  net::TlsTransport* tls_ = nullptr;  // transport_, once the handshake has begun
  std::string held_;                  // received and not used yet
  TimeoutEntry deadline_;
  Time began_{};
  State state_ = State::first_bytes;
  bool waits_for_turn_ = false;
};

}  // namespace flaskscale::forward
