// A TLS client of plain OpenSSL over a MemoryPeer, to talk with a TlsTransport.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "tests/support/memory_transport.h"
#include "tests/support/tls_identity.h"

namespace flaskscale::net {

class TlsClient {
 public:
  explicit TlsClient(std::shared_ptr<MemoryPeer> peer, const std::string& name = "",
                     int version = TLS1_3_VERSION)
      : peer_(std::move(peer)), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_min_proto_version(context_, version);
    SSL_CTX_set_max_proto_version(context_, version);
    ssl_ = SSL_new(context_);
    in_ = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in_, -1);
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_, in_, out_);
    SSL_set_connect_state(ssl_);
    // The macro for it casts in the old style.
    if (!name.empty()) {
      SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(name.c_str()));
    }
  }
  ~TlsClient() {
    SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // its session stays good
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  SSL* ssl() { return ssl_; }
  SSL_CTX* context() { return context_; }

  // What the server has written, in; what this side has to say, out.
  void take_in() {
    BIO_write(in_, peer_->written.data(), static_cast<int>(peer_->written.size()));
    peer_->written.clear();
  }
  std::string take_out() {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out_, &bytes);
    std::string text(bytes, static_cast<size_t>(size));
    static_cast<void>(BIO_reset(out_));
    return text;
  }
  void give_out() { peer_->incoming += take_out(); }

  // One step; true once its side is done.
  bool shake_hands() {
    take_in();
    const bool done = SSL_do_handshake(ssl_) == 1;
    give_out();
    return done;
  }
  void write(const std::string& text) {
    SSL_write(ssl_, text.data(), static_cast<int>(text.size()));
    give_out();
  }
  // All that has come so far.
  std::string read() {
    take_in();
    std::string all;
    char buffer[4096];
    size_t bytes = 0;
    while (SSL_read_ex(ssl_, buffer, sizeof buffer, &bytes) == 1) all.append(buffer, bytes);
    give_out();
    return all;
  }
  bool was_closed() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }

 private:
  std::shared_ptr<MemoryPeer> peer_;
  SSL_CTX* context_;
  SSL* ssl_;
  BIO* in_;
  BIO* out_;
};

}  // namespace flaskscale::net
