// How to speak TLS to the backends of a pool: whom to trust, what to show, sessions to resume.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "proxy/net/tls_certificate.h"

struct ssl_st;
struct ssl_ctx_st;

namespace flaskscale::net {

struct TlsClientSettings {
  bool verify = true;
  std::string ca_path;
  std::string ca_pem;            // with an empty path: the system's authorities
  std::string server_name;       // by SNI and in the certificate; empty: the backend's host
  TlsCertificateFiles identity;  // empty paths: none is shown
};

// Any thread.
class TlsClientContext {
 public:
  // The error names the file and what is wrong with it.
  static Result<std::shared_ptr<const TlsClientContext>> create(const TlsClientSettings& settings);
  ~TlsClientContext();
  TlsClientContext(const TlsClientContext&) = delete;
  TlsClientContext& operator=(const TlsClientContext&) = delete;

  // This side of a new connection to the backend "host:port"; it resumes the last session there.
  // The caller owns it, and must keep this context.
  ssl_st* new_connection(const std::string& address) const;

 private:
  struct Callbacks;
  class LastSession;

  TlsClientContext() = default;
  // Null: no room for one more.
  LastSession* last_session(const std::string& address) const;

  ssl_ctx_st* context_ = nullptr;
  std::string server_name_;
  bool verify_ = true;
  mutable std::mutex mutex_;
  // By address; bounded.
  mutable std::map<std::string, std::unique_ptr<LastSession>> sessions_;  // Guarded by mutex_.
};

}  // namespace flaskscale::net
