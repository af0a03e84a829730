#include "proxy/net/tls_transport.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "proxy/net/tls_bio.h"
#include "proxy/net/tls_failure.h"
#include "proxy/net/tls_handles.h"

namespace flaskscale::net {
namespace {

using Status = IoResult::Status;

constexpr size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;
// Of plaintext in one call; what is above is taken by the next.
constexpr size_t kWriteBytes = 256U << 10U;
// A peer that makes us answer and does not read, or asks for nothing but new keys, attacks.
constexpr size_t kMostLeftOut = 1U << 20U;
constexpr uint16_t kMostAnswers = 64;
constexpr size_t kLongestSubject = 4096;

constexpr bool wants(Interest interest, Interest what) {
  return (static_cast<unsigned>(interest) & static_cast<unsigned>(what)) != 0;
}

}  // namespace

TlsTransport::TlsTransport(TlsIo& io, std::unique_ptr<Transport> inner, ssl_st* ssl,
                           std::shared_ptr<const void> keeps_alive, TransportHandler& handler)
    : io_(io),
      inner_(std::move(inner)),
      ssl_(ssl),
      keeps_alive_(std::move(keeps_alive)),
      handler_(&handler),
      state_(SSL_is_server(ssl) == 1 ? State::handshaking : State::connecting),
      is_server_(SSL_is_server(ssl) == 1) {
  BIO* const bio = make_tls_bio(io.bio_method_, *this);
  SSL_set_bio(ssl_, bio, bio);
  inner_->set_handler(*this);
  if (is_server_) return;
  interest_ = Interest::writable;
  inner_->watch(Interest::writable);
}

TlsTransport::~TlsTransport() {
  io_.remove_ready(*this);
  if (state_ == State::established && !aborted_) send_close_notify();
  // A session stays good for the next connection, however this one ends.
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
  ERR_clear_error();
}

// --- The frame of a call into OpenSSL

void TlsTransport::begin(std::string_view received) {
  ERR_clear_error();
  io_.to_send_.clear();
  io_.records_.clear();
  // What is held may be enough; if not, the socket tells of the rest.
  may_receive_ = received.empty() && left_in_.empty();
  if (!left_in_.empty()) left_in_.append(received);
  input_ = left_in_.empty() ? received : std::string_view(left_in_);
}

void TlsTransport::end() {
  if (input_.empty()) {
    if (!left_in_.empty()) std::string().swap(left_in_);
  } else {
    left_in_ = std::string(input_);
  }
  input_ = {};
  if (io_.to_send_.empty()) return;
  if (!left_out_.empty() || write_error_ != 0) {
    left_out_.append(io_.to_send_);
    if (left_out_.size() > kMostLeftOut) write_error_ = EPIPE;
    return;
  }
  const std::string_view bytes = io_.to_send_;
  const IoResult result = inner_->write(std::span(&bytes, 1));
  if (result.status == Status::failed || result.status == Status::closed) {
    write_error_ = result.error_number == 0 ? EPIPE : result.error_number;
    return;
  }
  if (result.bytes == bytes.size()) return;
  left_out_ = bytes.substr(result.bytes);
  update_inner();
}

IoResult TlsTransport::take_ciphertext(std::span<char> into) {
  if (input_.empty() && may_receive_) {
    may_receive_ = false;
    auto& buffer = io_.received();
    const IoResult result = inner_->read(buffer);
    if (result.status == Status::ok) input_ = {buffer.data(), result.bytes};
    if (result.status == Status::closed || result.status == Status::failed) {
      socket_ended_ = true;
      error_number_ = result.error_number;
      return result;
    }
  }
  if (input_.empty()) return {Status::would_block, 0, 0};
  const size_t size = std::min(into.size(), input_.size());
  input_.copy(into.data(), size);
  input_.remove_prefix(size);
  return {Status::ok, size, 0};
}

void TlsTransport::give_ciphertext(std::string_view bytes) {
  io_.to_send_.append(bytes);
  if (reading_) ++answers_;
}

// The connection is of no more use; said by the next read.
void TlsTransport::fail(int returned) {
  const TlsFailure failure = describe_tls_failure(ssl_, returned, socket_ended_);
  failure_ = failure.word;
  failure_detail_ = failure.detail;
  if (error_number_ == 0) error_number_ = socket_ended_ ? ECONNRESET : EPROTO;
  state_ = State::failed;
}

// Why OpenSSL gave no more bytes.
void TlsTransport::note_end(int returned) {
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      break;
    case SSL_ERROR_ZERO_RETURN:
      peer_closed_ = true;
      break;
    default:
      fail(returned);
      break;
  }
  if (answers_ > kMostAnswers && state_ == State::established) {
    failure_ = "tls_flood";
    error_number_ = EPROTO;
    state_ = State::failed;
  }
}

// --- Handshake

TlsTransport::Handshake TlsTransport::handshake(std::string_view received) {
  if (state_ == State::failed) return Handshake::failed;
  if (state_ == State::established) return Handshake::done;
  begin(received);
  const int returned = SSL_do_handshake(ssl_);
  const bool wants_more = returned != 1 && SSL_get_error(ssl_, returned) == SSL_ERROR_WANT_READ;
  if (returned == 1) {
    state_ = State::established;
  } else if (!wants_more) {
    fail(returned);
  }
  end();
  if (write_error_ != 0 && state_ != State::failed) {
    failure_ = "tls_peer_closed";
    error_number_ = write_error_;
    state_ = State::failed;
  }
  if (state_ == State::failed) return Handshake::failed;
  return state_ == State::established ? Handshake::done : Handshake::wants_more;
}

std::string_view TlsTransport::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsTransport::server_name() const {
  const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string() : lower_case(name);
}

std::string TlsTransport::peer_subject() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK ||
      (SSL_get_verify_mode(ssl_) & SSL_VERIFY_PEER) == 0) {
    return {};
  }
  const BioHandle bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  if (size <= 0 || static_cast<size_t>(size) > kLongestSubject) return {};
  return {text, static_cast<size_t>(size)};
}

std::string_view TlsTransport::version() const { return SSL_get_version(ssl_); }

bool TlsTransport::resumed() const { return SSL_session_reused(ssl_) == 1; }

int TlsTransport::connect_result() {
  switch (state_) {
    case State::connecting:
    case State::handshaking:
      return EINPROGRESS;
    case State::established:
      return 0;
    case State::failed:
      return error_number_;
  }
  return EPROTO;
}

void TlsTransport::go_on_connecting() {
  if (state_ == State::connecting) {
    const int result = inner_->connect_result();
    if (result == EINPROGRESS) return;
    state_ = result == 0 ? State::handshaking : State::failed;
    error_number_ = result;
    failure_ = "connect_failed";
  }
  if (state_ == State::handshaking && handshake() == Handshake::wants_more) {
    update_inner();
    return;
  }
  update_inner();
  if (wants(interest_, Interest::writable)) handler_->on_writable();
}

// --- Bytes

IoResult TlsTransport::read(std::span<char> into) {
  size_t total = 0;
  if (state_ == State::established && !peer_closed_ && !into.empty()) {
    begin({});
    reading_ = true;
    int returned = 1;
    while (total < into.size()) {
      size_t bytes = 0;
      returned = SSL_read_ex(ssl_, into.data() + total, into.size() - total, &bytes);
      if (returned != 1) break;
      total += bytes;
    }
    if (returned != 1) note_end(returned);
    reading_ = false;
    end();
  }
  IoResult result{Status::would_block, 0, 0};
  if (total > 0) {
    result = {Status::ok, total, 0};
  } else if (peer_closed_) {
    result = {Status::closed, 0, 0};
    end_told_ = true;
  } else if (state_ == State::failed) {
    result = {Status::failed, 0, error_number_};
    end_told_ = true;
  }
  list_if_pending();
  return result;
}

IoResult TlsTransport::write(std::span<const std::string_view> parts) {
  size_t asked = 0;
  for (const std::string_view part : parts) asked += part.size();
  if (asked == 0) return {};
  send_left();
  if (write_error_ != 0) return {Status::failed, 0, write_error_};
  if (state_ == State::failed) return {Status::failed, 0, error_number_};
  if (state_ != State::established || !left_out_.empty()) return {Status::would_block, 0, 0};
  if (close_sent_) return {Status::failed, 0, EPIPE};

  const size_t before = std::min(std::exchange(owed_, 0), asked);
  begin({});
  encrypt(parts, before);
  const size_t encrypted = io_.records_.empty() ? 0 : io_.records_.back().second;
  end();
  if (write_error_ != 0) return {Status::failed, 0, write_error_};
  if (state_ == State::failed) return {Status::failed, 0, error_number_};
  size_t written = encrypted;
  if (!left_out_.empty()) {
    written = plaintext_within(io_.to_send_.size() - left_out_.size());
    owed_ = encrypted - written;
  }
  written += before;
  if (written == 0) return {Status::would_block, 0, 0};
  return {Status::ok, written, 0};
}

// Parts that are less than a record share one.
void TlsTransport::encrypt(std::span<const std::string_view> parts, size_t skip) {
  std::string& record = io_.record_;
  record.clear();
  for (std::string_view part : parts) {
    const size_t skipped = std::min(skip, part.size());
    part.remove_prefix(skipped);
    skip -= skipped;
    while (!part.empty()) {
      const size_t size = std::min(part.size(), kRecordBytes - record.size());
      const std::string_view piece = part.substr(0, size);
      part.remove_prefix(size);
      if (record.empty() && size == kRecordBytes) {
        if (!encrypt_record(piece)) return;
        continue;
      }
      record.append(piece);
      if (record.size() < kRecordBytes) continue;
      if (!encrypt_record(record)) return;
      record.clear();
    }
  }
  if (!record.empty()) encrypt_record(record);
}

// False: no more in this call.
bool TlsTransport::encrypt_record(std::string_view piece) {
  size_t plaintext = io_.records_.empty() ? 0 : io_.records_.back().second;
  if (plaintext >= kWriteBytes) return false;
  while (!piece.empty()) {
    size_t taken = 0;
    const int returned = SSL_write_ex(ssl_, piece.data(), piece.size(), &taken);
    if (returned != 1) {
      fail(returned);
      return false;
    }
    piece.remove_prefix(taken);
    plaintext += taken;
    io_.records_.emplace_back(io_.to_send_.size(), plaintext);
  }
  return true;
}

// How much of the plaintext is in records that lie whole within so much of to_send_.
size_t TlsTransport::plaintext_within(size_t ciphertext) const {
  size_t plaintext = 0;
  for (const auto& [end, all] : io_.records_) {
    if (end <= ciphertext) plaintext = all;
  }
  return plaintext;
}

void TlsTransport::send_left() {
  if (left_out_.empty() || write_error_ != 0) return;
  const std::string_view bytes = left_out_;
  const IoResult result = inner_->write(std::span(&bytes, 1));
  if (result.status == Status::failed || result.status == Status::closed) {
    write_error_ = result.error_number == 0 ? EPIPE : result.error_number;
    return;
  }
  if (result.bytes == left_out_.size()) {
    std::string().swap(left_out_);
    if (std::exchange(shut_down_when_sent_, false)) inner_->shut_down_writing();
  } else {
    left_out_.erase(0, result.bytes);
  }
}

void TlsTransport::send_close_notify() {
  if (std::exchange(close_sent_, true) || write_error_ != 0) return;
  begin({});
  may_receive_ = false;
  SSL_shutdown(ssl_);
  end();
}

void TlsTransport::abort() {
  aborted_ = true;
  inner_->abort();
}

void TlsTransport::shut_down_writing() {
  if (state_ == State::established) send_close_notify();
  if (left_out_.empty()) {
    inner_->shut_down_writing();
  } else {
    shut_down_when_sent_ = true;
  }
}

bool TlsTransport::is_quiet() {
  if (state_ != State::established || peer_closed_ || has_pending()) return false;
  if (inner_->is_quiet()) return true;
  // What came may be a session ticket, which is none of the peer's data.
  begin({});
  char byte = 0;
  size_t bytes = 0;
  reading_ = true;
  const int returned = SSL_peek_ex(ssl_, &byte, 1, &bytes);
  if (returned != 1) note_end(returned);
  reading_ = false;
  end();
  list_if_pending();
  return returned != 1 && !peer_closed_ && state_ == State::established;
}

// --- Readiness

void TlsTransport::on_readable() {
  if (!is_server_ && state_ <= State::handshaking) {
    go_on_connecting();
  } else {
    handler_->on_readable();
  }
}

void TlsTransport::on_writable() {
  send_left();
  if (!left_out_.empty() && write_error_ == 0) return;
  if (!is_server_ && state_ <= State::handshaking) {
    go_on_connecting();
    return;
  }
  update_inner();
  if (wants(interest_, Interest::writable)) handler_->on_writable();
}

void TlsTransport::watch(Interest interest) {
  interest_ = interest;
  update_inner();
  list_if_pending();
}

void TlsTransport::update_inner() {
  bool readable = wants(interest_, Interest::readable);
  bool writable = wants(interest_, Interest::writable);
  if (!is_server_ && state_ <= State::handshaking) {
    readable = state_ == State::handshaking;
    writable = state_ == State::connecting;
  }
  writable = writable || (!left_out_.empty() && write_error_ == 0);
  const bool end = wants(interest_, Interest::end);
  inner_->watch(
      static_cast<Interest>((readable ? 1U : 0U) | (writable ? 2U : 0U) | (end ? 4U : 0U)));
}

bool TlsTransport::has_pending() const {
  if (state_ == State::failed || peer_closed_) return !end_told_;
  return state_ == State::established && (!left_in_.empty() || SSL_pending(ssl_) > 0);
}

void TlsTransport::list_if_pending() {
  if (wants(interest_, Interest::readable) && has_pending()) io_.add_ready(*this);
}

void TlsTransport::tell_pending() {
  if (wants(interest_, Interest::readable) && has_pending()) handler_->on_readable();
}

}  // namespace flaskscale::net
