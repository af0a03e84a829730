// One HTTP/2 connection of a client: its streams, each with an exchange of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/timeout_list.h"
#include "proxy/forward/client_session.h"
#include "proxy/forward/connection_facts.h"
#include "proxy/forward/flushed.h"
#include "proxy/forward/http2_stream.h"
#include "proxy/forward/http2_writer.h"
#include "proxy/forward/turn_ration.h"
#include "proxy/http/http2_session.h"

namespace flaskscale::forward {

class WorkerServices;

// Worker thread only. What its streams have to send is gathered and leaves at the end of the loop's
// turn in one send. While the socket is full nothing is produced: streams hold what they have, and
// their backends are not read.
class Http2Connection final : public ClientSession,
                              public http::Http2SessionHandler,
                              public Flushed,
                              public Rationed {
 public:
  Http2Connection(WorkerServices& services, ClientSessionOwner& owner, ConnectionFacts facts);
  ~Http2Connection() override;

  // ClientSession. `received` begins with the client's preface.
  void open(std::unique_ptr<net::Transport> transport, std::string_view received) override;
  void on_drain() override;
  void on_shutdown() override;
  void on_timeout() override;
  void on_readable() override;
  void on_writable() override;

  // http::Http2SessionHandler
  void on_request(const http::Http2Request& request) override;
  void on_stream_error(http::Http2Error error) override;
  void on_connection_error(http::Http2Error error) override;
  void on_flood(http::Http2Flood kind) override;
  void on_pong() override;

  // Flushed: at the end of the turn in which schedule_flush() was called.
  void flush() override;
  // Rationed: for more of the requests that came at once.
  void on_turn() override;

  // --- For its streams
  http::Http2Session& session() { return *session_; }
  const ConnectionFacts& facts() const { return facts_; }
  bool is_broken() const { return broken_ || state_ != State::open; }
  // Inside on_readable(): nothing can be produced just now.
  bool is_receiving() const { return receiving_; }
  // Produces what can be sent now; the socket gets it when it is much, else at the end of the turn.
  void pump();
  void schedule_flush();
  // flush() tells the stream that its exchange may go on, or that it is closed.
  void revisit(Http2Stream& stream) { revisited_.push_back(&stream); }
  // The stream is over and leaves; it is destroyed at the end of the turn.
  void remove(Http2Stream& stream);
  // Response bytes that streams hold changed by so much.
  void count_held(ptrdiff_t change) {
    held_bytes_ = static_cast<size_t>(static_cast<ptrdiff_t>(held_bytes_) + change);
  }
  // How many response bytes a stream may take at once.
  size_t room() const;
  // For log and metrics: a request, or a connection, that never became an exchange.
  void record(std::string_view reason, const http::Http2Request* request, uint16_t status,
              std::string_view request_id, size_t bytes_out);

 private:
  enum class State : uint8_t { open, lingering, closed };
  // What the one deadline of the connection is about.
  enum class Waits : uint8_t { nothing, idle, head, output, pong, linger };

  void receive(std::string_view bytes);
  size_t receive_share(std::string_view bytes);
  void ask_for_slots();
  void drop_unread();
  void produce();
  void write_out();
  void revisit_streams();
  void lose_streams(std::string_view reason);
  void on_peer_lost(std::string_view reason);
  // All is said: our side is closed, and what the client still sends is read away for a while.
  void end();
  void close();
  void update_interest();
  void update_timer(bool progress);

  WorkerServices& services_;
  ClientSessionOwner& owner_;
  const ConnectionFacts facts_;
  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<http::Http2Session> session_;
  std::vector<std::unique_ptr<Http2Stream>> streams_;
  std::vector<Http2Stream*> begun_;      // in what is being received; null: has left
  std::vector<Http2Stream*> revisited_;  // this turn; null: has left
  std::unique_ptr<std::string> unread_;  // received, for another turn; null when empty
  size_t unread_begin_ = 0;
  Http2Writer writer_;
  TimeoutEntry deadline_;
  Time began_{};           // of the bytes that are being received
  size_t held_bytes_ = 0;  // by all streams, of responses
  uint32_t lingered_bytes_ = 0;
  State state_ = State::open;
  Waits waits_ = Waits::nothing;
  bool receiving_ = false;
  bool flush_scheduled_ = false;
  bool broken_ = false;    // the socket is
  bool draining_ = false;  // shutdown has been announced
  bool refuses_ = false;   // … and new streams are refused
  bool told_ = false;      // its GOAWAY has been recorded
  bool flooded_ = false;   // the peer has
};

}  // namespace flaskscale::forward
