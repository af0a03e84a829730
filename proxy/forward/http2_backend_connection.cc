#include "proxy/forward/http2_backend_connection.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "proxy/forward/exchange.h"
#include "proxy/forward/http2_backend_set.h"
#include "proxy/forward/worker_services.h"
#include "proxy/net/socket_transport.h"

namespace flaskscale::forward {
namespace {

using net::Interest;
using net::IoResult;

// Frames that wait for a full socket: beyond, nothing more is read that could cause others.
constexpr size_t kMostWaitingFrames = 2000;

http::Http2ClientSession::Settings client_settings(const Snapshot& snapshot) {
  http::Http2ClientSession::Settings settings;
  settings.head = {snapshot.limits.header_bytes, snapshot.limits.headers,
                   snapshot.limits.uri_bytes};
  return settings;
}

Error http2_error(ErrorCode code, std::string detail) {
  return Error{code, Origin::backend, Retry::never, std::move(detail)};
}

}  // namespace

Http2BackendConnection::Http2BackendConnection(WorkerServices& services, Http2BackendSet& set,
                                               uint64_t backend_id)
    : services_(services),
      set_(set),
      backend_id_(backend_id),
      session_(
          std::make_unique<http::Http2ClientSession>(client_settings(services.snapshot()), *this)),
      writer_(services.buffers) {}

Result<void> Http2BackendConnection::connect(const std::string& address) {
  const auto found = services_.address_book.find(address);
  if (!found) return found.error();
  auto transport = net::SocketTransport::connect(services_.loop, *found, *this);
  if (!transport) return std::move(transport).error();
  transport_ = *std::move(transport);
  return {};
}

void Http2BackendConnection::destroy_later(std::unique_ptr<Http2BackendConnection> connection) {
  net::EventLoop& loop = connection->services_.loop;
  loop.retire(std::move(connection));
}

// --- Streams

bool Http2BackendConnection::has_room() const {
  return state_ != State::closed && !retiring_ && !write_broken_ &&
         streams_.size() < session_->max_streams() && session_->may_open();
}

BackendLoan Http2BackendConnection::add_stream(Exchange& exchange) {
  idle_since.cancel();
  auto made = std::make_unique<Http2BackendStream>(*this, services_, exchange);
  made->list_index = static_cast<uint32_t>(streams_.size());
  streams_.push_back(std::move(made));
  return BackendLoan(streams_.back().get());
}

void Http2BackendConnection::remove(Http2BackendStream& stream, BackendStream::After after) {
  const uint32_t index = stream.list_index;
  auto removed = std::move(streams_[index]);
  if (index + 1 < streams_.size()) {
    streams_[index] = std::move(streams_.back());
    streams_[index]->list_index = index;
  }
  streams_.pop_back();
  std::erase(revisited_, removed.get());
  services_.loop.retire(std::move(removed));
  served_ = true;
  // One that could not be connected to in time, or whose last stream left before it was.
  if (after == BackendStream::After::retire || state_ == State::connecting) retiring_ = true;
  if (state_ == State::closed) return;
  if (streams_.empty() && !retiring_) set_.rest(*this, services_.loop.now());
  schedule_flush();
}

void Http2BackendConnection::retire() {
  retiring_ = true;
  if (streams_.empty()) close();
}

// --- Connecting and receiving

void Http2BackendConnection::on_connected() {
  state_ = State::open;
  schedule_flush();
  update_interest();
  std::vector<Http2BackendStream*> waiting;
  for (const auto& stream : streams_) waiting.push_back(stream.get());
  for (Http2BackendStream* const stream : waiting) stream->on_connected();
}

void Http2BackendConnection::on_readable() {
  if (state_ != State::open) return;
  const IoResult result = transport_->read(services_.read_buffer);
  switch (result.status) {
    case IoResult::Status::would_block:
      return;
    case IoResult::Status::closed:
      lose(http2_error(ErrorCode::closed_by_peer, "the backend closed the connection"));
      return;
    case IoResult::Status::failed:
      lose(http2_error(ErrorCode::closed_by_peer,
                       error_from_errno(result.error_number, "read from the backend").detail));
      return;
    case IoResult::Status::ok:
      receive({services_.read_buffer.data(), result.bytes});
      return;
  }
}

void Http2BackendConnection::receive(std::string_view bytes) {
  received_at_ = services_.loop.now();
  receiving_ = true;
  session_->receive(bytes);
  receiving_ = false;
  schedule_flush();
}

void Http2BackendConnection::on_connection_error(http::Http2Error error) {
  error_ = http::reason_of(error);
}

// --- Sending

void Http2BackendConnection::schedule_flush() {
  if (flush_scheduled_ || state_ == State::closed) return;
  flush_scheduled_ = true;
  services_.flush_later(*this);
}

void Http2BackendConnection::pump() {
  schedule_flush();
  if (receiving_ || writer_.is_producing() || !is_open()) return;
  produce();
}

void Http2BackendConnection::produce() {
  if (is_open() && !writer_.produce(*session_, *transport_)) stop_writing();
}

void Http2BackendConnection::write_out() {
  if (!write_broken_ && !writer_.send(*transport_)) stop_writing();
}

// The read side tells how it ends.
void Http2BackendConnection::stop_writing() {
  write_broken_ = retiring_ = true;
  writer_.held().drop();
}

void Http2BackendConnection::flush() {
  flush_scheduled_ = false;
  if (state_ == State::closed) return;
  produce();
  write_out();
  if (session_->is_dead()) {
    lose(http2_error(ErrorCode::bad_message, std::string(error_)));
    return;
  }
  revisit_streams();
  if (state_ == State::closed) return;
  if (streams_.empty() && retiring_) {
    close();
    return;
  }
  if (session_->is_over() && writer_.held().empty()) {
    lose(http2_error(ErrorCode::closed_by_peer, "the connection is over"));
    return;
  }
  update_interest();
}

void Http2BackendConnection::revisit_streams() {
  const std::vector<Http2BackendStream*> streams = std::exchange(revisited_, {});
  for (Http2BackendStream* const stream : streams) stream->revisit();
}

void Http2BackendConnection::on_writable() {
  if (state_ == State::closed) return;
  if (state_ == State::connecting) {
    const int error_number = transport_->connect_result();
    if (error_number == EINPROGRESS) return;
    if (error_number != 0) {
      Error error = error_from_errno(error_number, "connect");
      lose(http2_error(ErrorCode::connect_failed, std::move(error.detail)));
      return;
    }
    on_connected();
    return;
  }
  const SendState state = writer_.held().flush(*transport_);
  if (state == SendState::failed) stop_writing();
  if (state != SendState::blocked) schedule_flush();
}

void Http2BackendConnection::update_interest() {
  const bool choked = !writer_.held().empty() && session_->waiting_frames() > kMostWaitingFrames;
  const unsigned readable = choked ? 0U : 1U;
  const unsigned writable = writer_.held().empty() ? 0U : 2U;
  transport_->watch(static_cast<Interest>(state_ == State::connecting ? 2U : readable | writable));
}

// --- The end

// No stream touches the session any more from here on.
void Http2BackendConnection::lose(const Error& error) {
  if (state_ == State::closed) return;
  const bool was_open = state_ == State::open;
  state_ = State::closed;
  while (!streams_.empty()) {
    const size_t before = streams_.size();
    streams_.back()->lose(error, was_open);
    FS_CHECK(streams_.size() < before);
  }
  close();
}

// What our side still has to say is said, if the socket takes it: that streams are cancelled, and
// GOAWAY.
void Http2BackendConnection::close() {
  if (transport_ == nullptr) return;
  if (is_open() && writer_.held().empty()) {
    produce();  // nothing but a GOAWAY follows terminate()
    session_->terminate(http::Http2Error::none);
    produce();
    write_out();
  }
  state_ = State::closed;
  idle_since.cancel();
  transport_.reset();
  set_.remove(*this);
}

}  // namespace flaskscale::forward
