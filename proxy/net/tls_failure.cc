#include "proxy/net/tls_failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "proxy/net/tls_handles.h"

namespace flaskscale::net {
namespace {

std::string_view word_of(int reason, bool is_server) {
  if (reason >= SSL_AD_REASON_OFFSET) return "tls_peer_alert";
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
      return "tls_version";
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
      return "tls_no_shared_cipher";
    case SSL_R_CALLBACK_FAILED:
      return "tls_unknown_name";
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return "tls_no_shared_protocol";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "tls_no_client_certificate";
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return is_server ? "tls_bad_client_certificate" : "tls_bad_certificate";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "tls_peer_closed";
    default:
      return "tls_error";
  }
}

}  // namespace

TlsFailure describe_tls_failure(const SSL* ssl, int returned, bool socket_ended) {
  const bool is_server = SSL_is_server(ssl) == 1;
  const unsigned long code = ERR_peek_error();
  TlsFailure failure;
  if (code == 0 || ERR_GET_LIB(code) != ERR_LIB_SSL) {
    const bool is_io = SSL_get_error(ssl, returned) == SSL_ERROR_SYSCALL;
    failure.word = socket_ended || is_io ? "tls_peer_closed" : "tls_error";
    failure.detail = code == 0 ? "the connection was closed" : take_tls_error();
    ERR_clear_error();
    return failure;
  }
  failure.word = word_of(ERR_GET_REASON(code), is_server);
  failure.detail = take_tls_error();
  const long verdict = SSL_get_verify_result(ssl);
  if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
    failure.detail += std::string(": ") + X509_verify_cert_error_string(verdict);
  }
  return failure;
}

}  // namespace flaskscale::net
