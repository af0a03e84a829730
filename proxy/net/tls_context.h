// What a TLS listener serves by: certificates by name, protocol settings. Immutable once made.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "proxy/net/tls_certificate.h"
#include "proxy/net/tls_ticket_keys.h"

struct ssl_st;
struct ssl_ctx_st;

namespace flaskscale::net {

enum class TlsVersion : uint8_t { tls12, tls13 };
enum class ClientCertificate : uint8_t { none, optional, required };

struct TlsServerSettings {
  std::vector<TlsCertificateFiles> certificates;  // at least one; the first is the default
  TlsVersion min_version = TlsVersion::tls12;
  bool strict_sni = false;  // who names no known host is refused
  bool http2 = false;       // offered by ALPN, before HTTP/1.1
  ClientCertificate client_certificate = ClientCertificate::none;
  std::string client_ca_path;
  std::string client_ca_pem;
  // Sessions resume only where this text is the same.
  std::string session_context;
  std::shared_ptr<const TicketKeyRing> tickets;
};

// Any thread.
class TlsContext {
 public:
  // The error names the file and what is wrong with it.
  static Result<std::shared_ptr<const TlsContext>> create(const TlsServerSettings& settings);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const std::vector<TlsCertificate>& certificates() const { return certificates_; }

  // The server's side of a new connection; the caller owns it, and must keep this context.
  ssl_st* new_connection() const;

  // The certificates, by index, that a client which names this host gets: one for each type of
  // key. Empty: none has the name.
  std::vector<size_t> match(std::string_view server_name) const;

 private:
  // The certificates of one name, one for each type of key, ready for use.
  struct Entry {
    std::vector<size_t> certificates;
    ssl_ctx_st* context;
  };
  struct Name {
    std::string name;  // "*.example.com" is kept as ".example.com" in `wildcards_`
    std::vector<size_t> certificates;
    ssl_ctx_st* context = nullptr;
  };
  struct Callbacks;

  TlsContext() = default;
  void add_names();
  static void add_name(std::vector<Name>& names, std::string_view name, size_t certificate,
                       const std::vector<TlsCertificate>& all);
  const Name* find(std::string_view server_name) const;
  Result<ssl_ctx_st*> context_of(const std::vector<size_t>& certificates,
                                 const TlsServerSettings& settings);
  Result<ssl_ctx_st*> make_context(const std::vector<size_t>& certificates,
                                   const TlsServerSettings& settings) const;
  Result<void> use_client_ca(ssl_ctx_st* context, const TlsServerSettings& settings) const;

  std::vector<TlsCertificate> certificates_;
  std::vector<Name> names_;      // sorted by name
  std::vector<Name> wildcards_;  // sorted by name
  std::vector<Entry> contexts_;  // the default first
  std::shared_ptr<const TicketKeyRing> tickets_;
  bool strict_sni_ = false;
  bool http2_ = false;
};

}  // namespace flaskscale::net
