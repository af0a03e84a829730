// TLS over another transport: one read and one write of that one for each of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/net/tls_io.h"
#include "proxy/net/transport.h"

struct ssl_st;

namespace flaskscale::net {

// Either side of a connection. Loop thread only.
class TlsTransport final : public Transport, private TransportHandler {
 public:
  enum class Handshake : uint8_t { done, wants_more, failed };

  // Takes over the connection and `ssl`, whose context `keeps_alive` owns. Server: handshake()
  // comes first, until it is done. Client: it goes by itself once the inner transport is
  // connected; connect_result() is the outcome of both.
  TlsTransport(TlsIo& io, std::unique_ptr<Transport> inner, ssl_st* ssl,
               std::shared_ptr<const void> keeps_alive, TransportHandler& handler);
  ~TlsTransport() override;
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  // Goes on with the handshake: with `received`, or with what one read of the socket gives.
  Handshake handshake(std::string_view received = {});

  // After something failed: a literal word for log and metrics, and OpenSSL's own words.
  std::string_view failure() const { return failure_; }
  const std::string& failure_detail() const { return failure_detail_; }
  // After a handshake that is done.
  std::string_view protocol() const;  // by ALPN; empty: none
  std::string server_name() const;    // by SNI, lower case; empty: none
  std::string peer_subject() const;   // of the verified certificate (RFC 2253); empty: none
  std::string_view version() const;   // "TLSv1.3"
  bool resumed() const;
  // Bytes of the peer's that came with the end of the handshake: read them, nobody tells of them
  // before the next watch().
  bool holds_bytes() const { return !left_in_.empty(); }

  void set_handler(TransportHandler& handler) override { handler_ = &handler; }
  // `failed` with ECONNRESET: the peer closed without a close_notify, so what was read may be cut.
  IoResult read(std::span<char> into) override;
  // After a short count the next call must begin with the bytes that this one did not take.
  IoResult write(std::span<const std::string_view> parts) override;
  void watch(Interest interest) override;
  Interest interest() const override { return interest_; }
  void abort() override;
  void shut_down_writing() override;
  int connect_result() override;
  bool is_quiet() override;

  // For the BIO.
  IoResult take_ciphertext(std::span<char> into);
  void give_ciphertext(std::string_view bytes);
  bool has_socket_ended() const { return socket_ended_; }

 private:
  friend class TlsIo;
  enum class State : uint8_t { connecting, handshaking, established, failed };

  void on_readable() override;
  void on_writable() override;

  // The frame of every call into OpenSSL: what it reads, what it wrote, its errors.
  void begin(std::string_view received);
  void end();
  // Sends what has not been sent; left_out_ holds the rest.
  void send_left();
  void fail(int returned);
  void note_end(int returned);
  void encrypt(std::span<const std::string_view> parts, size_t skip);
  bool encrypt_record(std::string_view piece);
  size_t plaintext_within(size_t ciphertext) const;
  void send_close_notify();
  void go_on_connecting();
  void update_inner();

  // Readiness that the socket does not tell of, because its bytes are here already.
  bool has_pending() const;
  void list_if_pending();
  void tell_pending();

  TlsIo& io_;
  std::unique_ptr<Transport> inner_;
  ssl_st* ssl_;
  std::shared_ptr<const void> keeps_alive_;
  TransportHandler* handler_;
  std::string left_in_;     // ciphertext received and not used yet
  std::string left_out_;    // ciphertext that the inner transport did not take
  size_t owed_ = 0;         // plaintext in left_out_ that was not reported as written
  std::string_view input_;  // ciphertext of the call under way
  std::string_view failure_;
  std::string failure_detail_;
  int error_number_ = 0;  // State::failed
  int write_error_ = 0;   // the inner transport takes no more
  uint16_t answers_ = 0;  // to key updates and the like
  Interest interest_ = Interest::none;
  State state_;
  const bool is_server_;
  bool may_receive_ = false;  // one recv in each call
  bool reading_ = false;
  bool peer_closed_ = false;  // by close_notify
  bool end_told_ = false;     // peer_closed_ or State::failed, by read()
  bool socket_ended_ = false;
  bool close_sent_ = false;
  bool shut_down_when_sent_ = false;
  bool aborted_ = false;
  bool in_ready_list_ = false;
};

}  // namespace flaskscale::net
