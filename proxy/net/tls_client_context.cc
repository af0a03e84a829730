#include "proxy/net/tls_client_context.h"

#include <openssl/x509v3.h>

#include <utility>
#include <vector>

#include "base/check.h"
#include "base/endpoint.h"
#include "base/ip_address.h"
#include "proxy/net/tls_handles.h"

namespace flaskscale::net {
namespace {

// ALPN's list form.
constexpr unsigned char kHttp11[] = "\x08http/1.1";
constexpr size_t kMostSessions = 1024;

}  // namespace

class TlsClientContext::LastSession {
 public:
  LastSession() = default;
  ~LastSession() { SSL_SESSION_free(session_); }
  LastSession(const LastSession&) = delete;
  LastSession& operator=(const LastSession&) = delete;

  void keep(SSL_SESSION* session) {
    const std::lock_guard lock(mutex_);
    std::swap(session, session_);
    SSL_SESSION_free(session);
  }
  void resume(SSL* ssl) {
    const std::lock_guard lock(mutex_);
    if (session_ != nullptr && SSL_SESSION_is_resumable(session_) == 1) {
      SSL_set_session(ssl, session_);
    }
  }

 private:
  std::mutex mutex_;
  SSL_SESSION* session_ = nullptr;  // Guarded by mutex_.
};

struct TlsClientContext::Callbacks {
  // Takes the reference that comes with it.
  static int on_new_session(SSL* ssl, SSL_SESSION* session) {
    auto* const last = static_cast<LastSession*>(SSL_get_app_data(ssl));
    if (last == nullptr) return 0;
    last->keep(session);
    return 1;
  }
};

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::create(
    const TlsClientSettings& settings) {
  const std::shared_ptr<TlsClientContext> made(new TlsClientContext);
  made->server_name_ = settings.server_name;
  made->verify_ = settings.verify;
  made->context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX* const ctx = made->context_;
  FS_CHECK(ctx != nullptr && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, Callbacks::on_new_session);
  FS_CHECK(SSL_CTX_set_alpn_protos(ctx, kHttp11, sizeof kHttp11 - 1) == 0);
  SSL_CTX_set_verify(ctx, settings.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (settings.ca_path.empty()) {
    SSL_CTX_set_default_verify_paths(ctx);
  } else {
    auto authorities = parse_certificates(settings.ca_path, settings.ca_pem);
    if (!authorities) return authorities.error();
    for (X509* authority : *authorities) {
      X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), authority);
      X509_free(authority);
    }
  }
  if (!settings.identity.cert_path.empty()) {
    auto identity = TlsCertificate::parse(settings.identity);
    if (!identity) return std::move(identity).error();
    bool used = SSL_CTX_use_certificate(ctx, identity->certificate()) == 1 &&
                SSL_CTX_use_PrivateKey(ctx, identity->key()) == 1;
    for (size_t i = 1; used && i < identity->chain().size(); ++i) {
      used = SSL_CTX_add1_chain_cert(ctx, identity->chain()[i]) == 1;
    }
    if (!used) {
      return make_error(ErrorCode::invalid_argument,
                        identity->info().path + ": cannot be used: " + take_tls_error());
    }
  }
  ERR_clear_error();
  return std::shared_ptr<const TlsClientContext>(made);
}

TlsClientContext::~TlsClientContext() { SSL_CTX_free(context_); }

TlsClientContext::LastSession* TlsClientContext::last_session(const std::string& address) const {
  const std::lock_guard lock(mutex_);
  const auto known = sessions_.find(address);
  if (known != sessions_.end()) return known->second.get();
  // Addresses of instances come and go.
  if (sessions_.size() >= kMostSessions) return nullptr;
  return (sessions_[address] = std::make_unique<LastSession>()).get();
}

ssl_st* TlsClientContext::new_connection(const std::string& address) const {
  SSL* const ssl = SSL_new(context_);
  FS_CHECK(ssl != nullptr);
  SSL_set_connect_state(ssl);
  std::string name = server_name_;
  if (name.empty()) {
    const auto endpoint = parse_endpoint(address);
    name = endpoint ? endpoint->host : "localhost";  // a Unix socket
  }
  if (IpAddress::parse(name)) {
    if (verify_) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  } else if (!name.empty()) {
    // Its macro casts in the old style.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(name.c_str()));
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (verify_) SSL_set1_host(ssl, name.c_str());
  }
  LastSession* const session = last_session(address);
  SSL_set_app_data(ssl, session);
  if (session != nullptr) session->resume(ssl);
  return ssl;
}

}  // namespace flaskscale::net
