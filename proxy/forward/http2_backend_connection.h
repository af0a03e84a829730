// One HTTP/2 connection to a backend, shared by the exchanges of one worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/timeout_list.h"
#include "proxy/forward/flushed.h"
#include "proxy/forward/http2_backend_stream.h"
#include "proxy/forward/http2_writer.h"
#include "proxy/http/http2_client_session.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/transport.h"

namespace flaskscale::forward {

class Http2BackendSet;
class WorkerServices;

// Worker thread only; owned by its set. What its streams have to send is gathered and leaves at the
// end of the loop's turn in one send. While the socket is full nothing is produced: streams hold
// what they have, and their clients are not read. What a stream received and its client does not
// take is held too, one window of the stream at most; the window of the connection is for what is
// on its way, so that a slow client holds up nobody else.
class Http2BackendConnection final : public net::TransportHandler,
                                     public net::Retired,
                                     public http::Http2ClientSessionHandler,
                                     public Flushed {
 public:
  Http2BackendConnection(WorkerServices& services, Http2BackendSet& set, uint64_t backend_id);
  ~Http2BackendConnection() override = default;

  // Begins to connect. Once, first.
  Result<void> connect(const std::string& address);
  static void destroy_later(std::unique_ptr<Http2BackendConnection> connection);

  uint64_t backend_id() const { return backend_id_; }
  bool is_connected() const { return state_ == State::open; }
  // Whether it takes one more stream.
  bool has_room() const;
  BackendLoan add_stream(Exchange& exchange);
  // Nothing has come that has not been read; it has no streams.
  bool is_quiet() { return transport_->is_quiet(); }
  // It takes no new streams, and is closed when it has none: at once, if that is now.
  void retire();

  // net::TransportHandler
  void on_readable() override;
  void on_writable() override;
  // http::Http2ClientSessionHandler
  void on_settings() override {}
  void on_goaway() override { retiring_ = true; }
  void on_connection_error(http::Http2Error error) override;
  // Flushed
  void flush() override;

  // --- For its streams
  http::Http2ClientSession& session() { return *session_; }
  // Of a request, while it is sent.
  std::vector<http::Field>& fields() { return fields_; }
  // The session and the peer are there: else nothing is to be sent.
  bool is_open() const { return state_ == State::open && !write_broken_; }
  bool is_closed() const { return state_ == State::closed; }
  // Inside on_readable(): exchanges may be told at once.
  bool is_receiving() const { return receiving_; }
  bool has_served() const { return served_; }
  // Something came from the peer since then.
  bool received_since(Time then) const { return received_at_ >= then; }
  // Produces what can be sent now; the socket gets it when it is much, else at the end of the turn.
  void pump();
  void schedule_flush();
  // flush() calls the stream's revisit().
  void revisit(Http2BackendStream& stream) { revisited_.push_back(&stream); }
  // The stream's loan has ended; it is destroyed at the end of the turn.
  void remove(Http2BackendStream& stream, BackendStream::After after);

  TimeoutEntry idle_since;  // the set's

 private:
  enum class State : uint8_t { connecting, open, closed };

  void on_connected();
  void receive(std::string_view bytes);
  void produce();
  void write_out();
  void stop_writing();
  void revisit_streams();
  // The connection is over: its streams are told, and it leaves the set.
  void lose(const Error& error);
  void close();
  void update_interest();

  WorkerServices& services_;
  Http2BackendSet& set_;
  const uint64_t backend_id_;
  std::unique_ptr<net::Transport> transport_;  // null before connect() and when closed
  std::unique_ptr<http::Http2ClientSession> session_;
  std::vector<std::unique_ptr<Http2BackendStream>> streams_;
  std::vector<Http2BackendStream*> revisited_;  // this turn
  std::vector<http::Field> fields_;
  Http2Writer writer_;
  std::string_view error_;  // of the peer; a literal
  Time received_at_{};
  State state_ = State::connecting;
  bool served_ = false;    // a stream before
  bool retiring_ = false;  // takes no new streams
  bool receiving_ = false;
  bool flush_scheduled_ = false;
  bool write_broken_ = false;  // what has come may still be read
};

}  // namespace flaskscale::forward
