// The BIO between OpenSSL and a TlsTransport: reads from its input, writes to its loop's buffer.
#pragma once

struct bio_method_st;
struct bio_st;

namespace flaskscale::net {

class TlsTransport;

bio_method_st* make_tls_bio_method();
void free_tls_bio_method(bio_method_st* method);
bio_st* make_tls_bio(bio_method_st* method, TlsTransport& transport);

}  // namespace flaskscale::net
