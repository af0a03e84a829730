#include "proxy/net/tls_context.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "proxy/net/tls_handles.h"

namespace flaskscale::net {
namespace {

// Mozilla's "intermediate" configuration without the finite-field suites.
constexpr const char* kSuites12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kSuites13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr long kSessionSeconds = 12 * 60 * 60;
// Of what a client sends as its certificates.
constexpr long kLongestClientChain = 32L << 10U;

bool is_wildcard(std::string_view name) { return name.starts_with("*."); }

// ALPN's list form: each name behind its length.
bool offers(const unsigned char* list, unsigned size, std::string_view protocol) {
  for (unsigned i = 0; i < size; i += 1U + list[i]) {
    const std::string_view name(reinterpret_cast<const char*>(list + i + 1),
                                std::min<size_t>(list[i], size - i - 1));
    if (name == protocol) return true;
  }
  return false;
}

}  // namespace

// What OpenSSL calls during a handshake.
struct TlsContext::Callbacks {
  static const TlsContext& of(SSL* ssl) {
    return *static_cast<const TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  }

  static int on_server_name(SSL* ssl, int* alert, void*) {
    const TlsContext& context = of(ssl);
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const Name* const found = name == nullptr ? nullptr : context.find(name);
    if (found != nullptr) {
      if (found->context != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, found->context);
      return SSL_TLSEXT_ERR_OK;
    }
    if (!context.strict_sni_) return SSL_TLSEXT_ERR_NOACK;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  static int on_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                     const unsigned char* offered, unsigned offered_size, void*) {
    static constexpr std::array<std::string_view, 3> kProtocols = {"h2", "http/1.1", "http/1.0"};
    const size_t first = of(ssl).http2_ ? 0 : 1;
    for (size_t i = first; i < kProtocols.size(); ++i) {
      if (!offers(offered, offered_size, kProtocols[i])) continue;
      *chosen = reinterpret_cast<const unsigned char*>(kProtocols[i].data());
      *chosen_size = static_cast<unsigned char>(kProtocols[i].size());
      return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                       EVP_MAC_CTX* mac, int encrypt) {
    return of(ssl).tickets_->begin_ticket(name, iv, cipher, mac, encrypt == 1);
  }

  static int on_status(SSL* ssl, void*) {
    const X509* const used = SSL_get_certificate(ssl);
    for (const TlsCertificate& certificate : of(ssl).certificates_) {
      if (certificate.certificate() != used) continue;
      const std::string& response = certificate.ocsp_at(std::chrono::system_clock::now());
      if (response.empty()) break;
      void* const copy = OPENSSL_memdup(response.data(), response.size());
      if (copy == nullptr) break;
      SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(response.size()));
      return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
  }
};

Result<std::shared_ptr<const TlsContext>> TlsContext::create(const TlsServerSettings& settings) {
  FS_CHECK(!settings.certificates.empty() && settings.tickets != nullptr);
  const std::shared_ptr<TlsContext> context(new TlsContext);
  context->tickets_ = settings.tickets;
  context->strict_sni_ = settings.strict_sni;
  context->http2_ = settings.http2;
  context->certificates_.reserve(settings.certificates.size());
  for (const auto& files : settings.certificates) {
    auto certificate = TlsCertificate::parse(files);
    if (!certificate) return std::move(certificate).error();
    context->certificates_.push_back(*std::move(certificate));
  }
  context->add_names();

  std::vector<size_t> first{0};
  const auto& names = context->certificates_.front().info().names;
  if (!names.empty()) first = context->match(names.front());
  // A certificate with an earlier one's name and type of key never serves that name; as the first
  // it always does.
  if (auto made = context->context_of(first, settings); !made) return made.error();
  for (auto* list : {&context->names_, &context->wildcards_}) {
    for (Name& name : *list) {
      auto made = context->context_of(name.certificates, settings);
      if (!made) return made.error();
      name.context = *made;
    }
  }
  ERR_clear_error();
  return std::shared_ptr<const TlsContext>(context);
}

TlsContext::~TlsContext() {
  for (const Entry& entry : contexts_) SSL_CTX_free(entry.context);
}

void TlsContext::add_names() {
  for (size_t i = 0; i < certificates_.size(); ++i) {
    for (const std::string& name : certificates_[i].info().names) {
      if (is_wildcard(name)) {
        add_name(wildcards_, std::string_view(name).substr(1), i, certificates_);
      } else {
        add_name(names_, name, i, certificates_);
      }
    }
  }
}

// Of two certificates with the same name and the same type of key the earlier one serves.
void TlsContext::add_name(std::vector<Name>& names, std::string_view name, size_t certificate,
                          const std::vector<TlsCertificate>& all) {
  const auto place =
      std::lower_bound(names.begin(), names.end(), name,
                       [](const Name& entry, std::string_view key) { return entry.name < key; });
  if (place == names.end() || place->name != name) {
    names.insert(place, Name{std::string(name), {certificate}});
    return;
  }
  const auto same_type = [&](size_t other) {
    return all[other].key_type() == all[certificate].key_type();
  };
  auto& list = place->certificates;
  if (std::none_of(list.begin(), list.end(), same_type)) list.push_back(certificate);
}

const TlsContext::Name* TlsContext::find(std::string_view server_name) const {
  const auto in = [](const std::vector<Name>& names, std::string_view name) {
    const auto place =
        std::lower_bound(names.begin(), names.end(), name,
                         [](const Name& entry, std::string_view key) { return entry.name < key; });
    return place != names.end() && place->name == name ? &*place : nullptr;
  };
  std::string name = lower_case(server_name);
  if (is_wildcard(name)) return in(wildcards_, std::string_view(name).substr(1));
  if (name.ends_with('.')) name.pop_back();
  if (const Name* const entry = in(names_, name)) return entry;
  // A wildcard stands for exactly one label.
  const size_t dot = name.find('.');
  if (dot == std::string::npos || dot == 0) return nullptr;
  return in(wildcards_, std::string_view(name).substr(dot));
}

std::vector<size_t> TlsContext::match(std::string_view server_name) const {
  const Name* const entry = find(server_name);
  return entry == nullptr ? std::vector<size_t>() : entry->certificates;
}

Result<SSL_CTX*> TlsContext::context_of(const std::vector<size_t>& certificates,
                                        const TlsServerSettings& settings) {
  for (const Entry& entry : contexts_) {
    if (entry.certificates == certificates) return entry.context;
  }
  auto made = make_context(certificates, settings);
  if (!made) return made;
  contexts_.push_back({certificates, *made});
  return made;
}

Result<SSL_CTX*> TlsContext::make_context(const std::vector<size_t>& certificates,
                                          const TlsServerSettings& settings) const {
  std::unique_ptr<SSL_CTX, TlsFree<SSL_CTX_free>> made(SSL_CTX_new(TLS_server_method()));
  FS_CHECK(made != nullptr);
  SSL_CTX* const ctx = made.get();
  SSL_CTX_set_app_data(ctx, const_cast<TlsContext*>(this));
  const int lowest = settings.min_version == TlsVersion::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  FS_CHECK(SSL_CTX_set_min_proto_version(ctx, lowest) == 1 &&
           SSL_CTX_set_cipher_list(ctx, kSuites12) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, kSuites13) == 1 &&
           SSL_CTX_set1_groups_list(ctx, kGroups) == 1);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                               SSL_OP_SINGLE_ECDH_USE);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(ctx, kSessionSeconds);
  SSL_CTX_set_max_cert_list(ctx, kLongestClientChain);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, Callbacks::on_ticket);
  // The macros of these two cast in the old style.
  SSL_CTX_callback_ctrl(ctx, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(&Callbacks::on_server_name));
  SSL_CTX_callback_ctrl(ctx, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB,
                        reinterpret_cast<void (*)()>(&Callbacks::on_status));
  SSL_CTX_set_alpn_select_cb(ctx, Callbacks::on_alpn, nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE> context_id{};
  unsigned id_size = 0;
  FS_CHECK(EVP_Digest(settings.session_context.data(), settings.session_context.size(),
                      context_id.data(), &id_size, EVP_sha256(), nullptr) == 1);
  FS_CHECK(SSL_CTX_set_session_id_context(ctx, context_id.data(), id_size) == 1);

  for (const size_t index : certificates) {
    const TlsCertificate& certificate = certificates_[index];
    bool used = SSL_CTX_use_certificate(ctx, certificate.certificate()) == 1 &&
                SSL_CTX_use_PrivateKey(ctx, certificate.key()) == 1;
    for (size_t i = 1; used && i < certificate.chain().size(); ++i) {
      used = SSL_CTX_add1_chain_cert(ctx, certificate.chain()[i]) == 1;
    }
    if (!used) {
      return make_error(ErrorCode::invalid_argument,
                        certificate.info().path + ": cannot be used: " + take_tls_error());
    }
  }
  if (auto used = use_client_ca(ctx, settings); !used) return used.error();
  return made.release();
}

Result<void> TlsContext::use_client_ca(SSL_CTX* context, const TlsServerSettings& settings) const {
  if (settings.client_certificate == ClientCertificate::none) return {};
  auto authorities = parse_certificates(settings.client_ca_path, settings.client_ca_pem);
  if (!authorities) return authorities.error();
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (X509* authority : *authorities) {
    X509_STORE_add_cert(store, authority);
    SSL_CTX_add_client_CA(context, authority);
    X509_free(authority);
  }
  const bool required = settings.client_certificate == ClientCertificate::required;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  return {};
}

SSL* TlsContext::new_connection() const {
  SSL* const ssl = SSL_new(contexts_.front().context);
  FS_CHECK(ssl != nullptr);
  SSL_set_accept_state(ssl);
  return ssl;
}

}  // namespace flaskscale::net
