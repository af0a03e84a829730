#include "proxy/net/tls_bio.h"

#include <openssl/bio.h>

#include "base/check.h"
#include "proxy/net/tls_transport.h"

namespace flaskscale::net {
namespace {

TlsTransport& transport_of(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }

// Takes everything: what is written leaves when the call into OpenSSL is over.
int on_write(BIO* bio, const char* from, size_t size, size_t* written) {
  BIO_clear_retry_flags(bio);
  transport_of(bio).give_ciphertext({from, size});
  *written = size;
  return 1;
}

int on_read(BIO* bio, char* into, size_t size, size_t* read) {
  BIO_clear_retry_flags(bio);
  const IoResult result = transport_of(bio).take_ciphertext({into, size});
  *read = result.bytes;
  if (result.status == IoResult::Status::ok) return 1;
  if (result.status == IoResult::Status::would_block) BIO_set_retry_read(bio);
  return 0;
}

long on_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
      return 1;
    case BIO_CTRL_EOF:
      return transport_of(bio).has_socket_ended() ? 1 : 0;
    default:
      return 0;
  }
}

}  // namespace

BIO_METHOD* make_tls_bio_method() {
  BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "flaskscale");
  FS_CHECK(method != nullptr);
  BIO_meth_set_write_ex(method, on_write);
  BIO_meth_set_read_ex(method, on_read);
  BIO_meth_set_ctrl(method, on_control);
  return method;
}

void free_tls_bio_method(BIO_METHOD* method) { BIO_meth_free(method); }

BIO* make_tls_bio(BIO_METHOD* method, TlsTransport& transport) {
  BIO* const bio = BIO_new(method);
  FS_CHECK(bio != nullptr);
  BIO_set_data(bio, &transport);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace flaskscale::net
