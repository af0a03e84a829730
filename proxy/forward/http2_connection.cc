#include "proxy/forward/http2_connection.h"

#include <algorithm>
#include <utility>

#include "balancer/exchange_record.h"
#include "base/check.h"
#include "proxy/forward/client_connection.h"
#include "proxy/forward/worker_services.h"

namespace flaskscale::forward {
namespace {

using net::Interest;
using net::IoResult;

// Response bytes that all streams of a connection may hold, and what each may hold beyond.
constexpr size_t kHeldBytes = 256U << 10U;
constexpr size_t kLeastRoom = 4U << 10U;
// Frames that wait for a full socket: beyond, nothing more is read that could cause others.
constexpr size_t kMaxWaitingFrames = 2000;
// New requests that a connection may begin in a turn of the loop: others want theirs too.
constexpr size_t kTurnRequests = 16;
constexpr uint32_t kMaxHttp2LingeredBytes = 4U << 20U;

http::Http2Settings settings_of(const Snapshot& snapshot) {
  const auto& limits = snapshot.limits;
  return {{limits.header_bytes, limits.headers, limits.uri_bytes},
          {limits.http2.streams, limits.http2.stream_window, limits.http2.connection_window}};
}

}  // namespace

Http2Connection::Http2Connection(WorkerServices& services, ClientSessionOwner& owner,
                                 ConnectionFacts facts)
    : services_(services),
      owner_(owner),
      facts_(std::move(facts)),
      session_(std::make_unique<http::Http2Session>(settings_of(services.snapshot()), *this)),
      writer_(services.buffers) {}

Http2Connection::~Http2Connection() { drop_unread(); }

void Http2Connection::open(std::unique_ptr<net::Transport> transport, std::string_view received) {
  transport_ = std::move(transport);
  update_interest();
  schedule_flush();
  update_timer(false);
  if (!received.empty()) receive(received);
}

// --- Receiving

void Http2Connection::on_readable() {
  if (state_ == State::closed || unread_ != nullptr) return;
  if (transport_->interest() == Interest::end) {
    close();
    return;
  }
  const IoResult result = transport_->read(services_.read_buffer);
  switch (result.status) {
    case IoResult::Status::would_block:
      return;
    case IoResult::Status::closed:
    case IoResult::Status::failed:
      on_peer_lost("client_left");
      return;
    case IoResult::Status::ok:
      break;
  }
  if (state_ == State::lingering) {
    lingered_bytes_ += static_cast<uint32_t>(result.bytes);
    if (lingered_bytes_ > kMaxHttp2LingeredBytes) close();
    return;
  }
  receive({services_.read_buffer.data(), result.bytes});
}

void Http2Connection::receive(std::string_view bytes) {
  const size_t done = receive_share(bytes);
  if (done == bytes.size()) return;
  unread_ = services_.buffers.take();
  unread_->assign(bytes.substr(done));
  unread_begin_ = 0;
  services_.http2_requests.wait(*this);
}

size_t Http2Connection::receive_share(std::string_view bytes) {
  began_ = services_.loop.now();
  receiving_ = true;
  const size_t done = session_->receive(bytes, began_, kTurnRequests);
  receiving_ = false;
  ask_for_slots();
  schedule_flush();
  return done;
}

// Not for requests that have ended meanwhile. Which of them the client has broken, so that they are
// to be reset, shows when frames are produced.
void Http2Connection::ask_for_slots() {
  if (begun_.empty()) return;
  produce();
  const bool is_over = session_->is_over();
  for (size_t i = 0; i < begun_.size(); ++i) {
    if (begun_[i] != nullptr && !is_over) begun_[i]->ask_for_slot();
  }
  begun_.clear();
}

void Http2Connection::on_turn() {
  unread_begin_ += receive_share(std::string_view(*unread_).substr(unread_begin_));
  if (unread_begin_ < unread_->size()) {
    services_.http2_requests.wait(*this);
  } else {
    services_.buffers.give(std::exchange(unread_, nullptr));
  }
}

void Http2Connection::drop_unread() {
  if (unread_ == nullptr) return;
  services_.http2_requests.forget(*this);
  services_.buffers.give(std::exchange(unread_, nullptr));
}

void Http2Connection::on_request(const http::Http2Request& request) {
  if (request.cancelled) {
    // To begin it costs far more than to cancel it.
    record("http2_cancelled", &request, 0, {}, 0);
    return;
  }
  auto made = std::make_unique<Http2Stream>(*this, services_, request.stream);
  Http2Stream& stream = *made;
  stream.list_index = static_cast<uint32_t>(streams_.size());
  streams_.push_back(std::move(made));
  session_->attach(request.stream, stream);
  if (request.refusal.status != 0) {
    stream.refuse(request);
  } else {
    begun_.push_back(&stream);
    stream.start(request, began_);
  }
}

void Http2Connection::on_stream_error(http::Http2Error error) {
  record(http::reason_of(error), nullptr, 0, {}, 0);
}

void Http2Connection::on_connection_error(http::Http2Error error) {
  if (!told_) record(http::reason_of(error), nullptr, 0, {}, 0);
}

void Http2Connection::on_flood(http::Http2Flood kind) {
  told_ = flooded_ = true;
  record(http::reason_of(kind), nullptr, 0, {}, 0);
}

void Http2Connection::record(std::string_view reason, const http::Http2Request* request,
                             uint16_t status, std::string_view request_id, size_t bytes_out) {
  std::string client;
  if (facts_.ends.has_client()) facts_.ends.client.append_to(client);
  balancer::ExchangeRecord record;
  record.started_ms = services_.wall_ms(began_);
  record.client = client;
  record.protocol = "HTTP/2.0";
  record.request_id = request_id;
  record.reason = reason;
  record.status = status;
  record.bytes_out = bytes_out;
  record.total = services_.loop.now() - began_;
  if (request != nullptr) {
    record.method = request->head.method_text;
    record.host = request->head.authority;
    record.path = request->head.path;
    record.bytes_in = request->head_bytes;
  }
  services_.counters.record_without_pool(record);
  if (services_.access_log != nullptr) services_.access_log->on_exchange(record);
}

// --- Sending

size_t Http2Connection::room() const {
  return std::max(kLeastRoom, kHeldBytes - std::min(held_bytes_, kHeldBytes));
}

void Http2Connection::schedule_flush() {
  if (flush_scheduled_ || state_ == State::closed) return;
  flush_scheduled_ = true;
  services_.flush_later(*this);
}

void Http2Connection::pump() {
  schedule_flush();
  if (receiving_ || writer_.is_producing() || is_broken()) return;
  produce();
}

void Http2Connection::produce() {
  if (!broken_ && !writer_.produce(*session_, *transport_)) broken_ = true;
}

void Http2Connection::write_out() {
  if (!writer_.send(*transport_)) broken_ = true;
}

void Http2Connection::flush() {
  flush_scheduled_ = false;
  if (state_ != State::open) return;
  produce();
  write_out();
  if (broken_) {
    on_peer_lost("client_left");
    return;
  }
  revisit_streams();
  if (state_ != State::open) return;
  if (session_->is_over() && writer_.held().empty() && !flush_scheduled_) {
    end();
    return;
  }
  if (streams_.empty() && !session_->is_inside_head()) session_->trim();
  update_interest();
  update_timer(false);
}

void Http2Connection::revisit_streams() {
  // A visit may end other streams, which leave the list (remove()), or add some, for the next turn.
  const size_t count = revisited_.size();
  for (size_t i = 0; i < count; ++i) {
    if (revisited_[i] != nullptr) revisited_[i]->revisit();
  }
  revisited_.erase(revisited_.begin(), revisited_.begin() + static_cast<ptrdiff_t>(count));
}

void Http2Connection::on_writable() {
  if (state_ == State::closed) return;
  const size_t before = writer_.held().held_bytes();
  const SendState state = writer_.held().flush(*transport_);
  if (state == SendState::failed) {
    on_peer_lost("client_left");
    return;
  }
  if (state_ == State::lingering) {
    if (state == SendState::sent) {
      transport_->shut_down_writing();
      update_interest();
    }
    return;
  }
  update_timer(writer_.held().held_bytes() < before);
  if (state == SendState::sent) schedule_flush();
}

void Http2Connection::update_interest() {
  if (state_ == State::closed) return;
  if (state_ == State::lingering && flooded_) {
    transport_->watch(Interest::end);
    return;
  }
  const bool choked = !writer_.held().empty() && session_->waiting_frames() > kMaxWaitingFrames;
  const unsigned readable = choked || flooded_ || unread_ != nullptr ? 0U : 1U;
  const unsigned writable = writer_.held().empty() ? 0U : 2U;
  transport_->watch(static_cast<Interest>(readable | writable));
}

// --- Time

void Http2Connection::update_timer(bool progress) {
  Waits waits = Waits::nothing;
  if (state_ == State::lingering) {
    waits = Waits::linger;
  } else if (!writer_.held().empty()) {
    waits = Waits::output;
  } else if (session_->is_inside_head()) {
    waits = Waits::head;
  } else if (streams_.empty()) {
    waits = draining_ ? Waits::pong : Waits::idle;
  }
  if (waits == waits_ && !progress) return;
  waits_ = waits;
  auto* const owner = static_cast<ClientSession*>(this);
  const Time now = services_.loop.now();
  switch (waits) {
    case Waits::nothing:
      deadline_.cancel();
      return;
    case Waits::idle:
      services_.client_idle.restart(deadline_, owner, now);
      return;
    case Waits::head:
      services_.client_header.restart(deadline_, owner, now);
      return;
    case Waits::output:
      services_.client_body.restart(deadline_, owner, now);
      return;
    case Waits::pong:
    case Waits::linger:
      services_.client_linger.restart(deadline_, owner, now);
      return;
  }
}

void Http2Connection::on_timeout() {
  switch (std::exchange(waits_, Waits::nothing)) {
    case Waits::nothing:
      return;
    case Waits::idle:
      session_->terminate(http::Http2Error::none);
      schedule_flush();
      return;
    case Waits::head:
      record("header_timeout", nullptr, 0, {}, 0);
      told_ = true;
      session_->terminate(http::Http2Error::enhance_your_calm);
      schedule_flush();
      return;
    case Waits::output:
      on_peer_lost("client_stalled");
      return;
    case Waits::pong:
      on_pong();
      session_->terminate(http::Http2Error::none);
      schedule_flush();
      return;
    case Waits::linger:
      close();
      return;
  }
}

// --- The end

// What the client has sent before it has heard is still served: the last stream is named only when
// the answer to a ping shows that it has.
void Http2Connection::on_drain() {
  if (state_ != State::open || std::exchange(draining_, true)) return;
  session_->announce_shutdown();
  session_->ping();
  schedule_flush();
}

void Http2Connection::on_pong() {
  if (!draining_ || std::exchange(refuses_, true)) return;
  session_->refuse_new_streams();
  schedule_flush();
}

void Http2Connection::on_shutdown() {
  if (state_ == State::closed) return;
  if (state_ == State::open) {
    for (size_t i = streams_.size(); i-- > 0;) streams_[i]->on_shutdown();
    session_->refuse_new_streams();
    produce();
    write_out();
    lose_streams("shutting_down");
  }
  close();
}

void Http2Connection::lose_streams(std::string_view reason) {
  session_->detach_all();
  while (!streams_.empty()) {
    const size_t before = streams_.size();
    streams_.back()->lose(reason);
    FS_CHECK(streams_.size() < before);
  }
}

void Http2Connection::on_peer_lost(std::string_view reason) {
  if (state_ == State::open) {
    lose_streams(reason);
    transport_->abort();
  }
  close();
}

void Http2Connection::end() {
  lose_streams("client_left");
  drop_unread();
  state_ = State::lingering;
  // Who floods is told so by its GOAWAY and then left alone for a while: whatever else it sends is
  // not worth a read, and the sooner it saw the end, the sooner it would begin again.
  if (!flooded_) transport_->shut_down_writing();
  update_interest();
  update_timer(false);
}

void Http2Connection::remove(Http2Stream& stream) {
  const uint32_t index = stream.list_index;
  auto removed = std::move(streams_[index]);
  if (index + 1 < streams_.size()) {
    streams_[index] = std::move(streams_.back());
    streams_[index]->list_index = index;
  }
  streams_.pop_back();
  for (auto* const list : {&begun_, &revisited_}) {
    std::ranges::replace(*list, removed.get(), static_cast<Http2Stream*>(nullptr));
  }
  services_.loop.retire(std::move(removed));
  schedule_flush();
}

void Http2Connection::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  drop_unread();
  deadline_.cancel();
  if (!writer_.held().empty()) transport_->abort();
  transport_.reset();
  owner_.on_session_closed(*this);
}

}  // namespace flaskscale::forward
