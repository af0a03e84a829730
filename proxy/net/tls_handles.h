// Owners of OpenSSL objects, and its errors as ours. Only for tls_* of this folder.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace flaskscale::net {

template <auto free_function>
struct TlsFree {
  template <typename T>
  void operator()(T* object) const noexcept {
    free_function(object);
  }
};

using BioHandle = std::unique_ptr<BIO, TlsFree<BIO_free>>;
using CertificateHandle = std::unique_ptr<X509, TlsFree<X509_free>>;
using KeyHandle = std::unique_ptr<EVP_PKEY, TlsFree<EVP_PKEY_free>>;

inline BioHandle read_only_bio(std::string_view bytes) {
  return BioHandle(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// The oldest error that OpenSSL keeps for this thread, in its words; none are left.
inline std::string take_tls_error() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown TLS error" : reason;
}

}  // namespace flaskscale::net
