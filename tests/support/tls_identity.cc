#include "tests/support/tls_identity.h"

#include <openssl/bio.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/check.h"

namespace flaskscale {
namespace {

template <auto free_function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

Bio bio_of(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<size_t>(size)};
}

Certificate certificate_of(const TlsIdentity& identity) {
  return Certificate(PEM_read_bio_X509(bio_of(identity.cert_pem).get(), nullptr, nullptr, nullptr));
}

Key key_of(const TlsIdentity& identity) {
  return Key(PEM_read_bio_PrivateKey(bio_of(identity.key_pem).get(), nullptr, nullptr, nullptr));
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  FS_CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void set_name(X509* certificate, const std::string& common_name) {
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
}

}  // namespace

TlsIdentity make_identity(const IdentityWish& wish) {
  static long serial = 1;
  const Key key(wish.key == TestKey::rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  X509* const x509 = certificate.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509),
                  std::chrono::duration_cast<std::chrono::seconds>(wish.valid).count());
  X509_set_pubkey(x509, key.get());
  set_name(x509, wish.common_name);
  const Certificate issuer = wish.issuer ? certificate_of(*wish.issuer) : nullptr;
  X509* const signer = issuer ? issuer.get() : x509;
  X509_set_issuer_name(x509, X509_get_subject_name(signer));
  std::string names;
  for (const auto& name : wish.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  if (!names.empty()) add_extension(x509, signer, NID_subject_alt_name, names);
  if (wish.is_authority) add_extension(x509, signer, NID_basic_constraints, "critical,CA:TRUE");
  const Key signer_key = wish.issuer ? key_of(*wish.issuer) : nullptr;
  FS_CHECK(X509_sign(x509, signer_key ? signer_key.get() : key.get(), EVP_sha256()) > 0);

  const Bio cert_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(cert_out.get(), x509);
  const Bio key_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(cert_out.get()), text_of(key_out.get())};
}

std::string make_ocsp_response(const TlsIdentity& subject, const TlsIdentity& issuer,
                               std::chrono::seconds valid) {
  const Certificate certificate = certificate_of(subject);
  const Certificate authority = certificate_of(issuer);
  const Key key = key_of(issuer);
  OCSP_BASICRESP* const basic = OCSP_BASICRESP_new();
  OCSP_CERTID* const id = OCSP_cert_to_id(nullptr, certificate.get(), authority.get());
  ASN1_TIME* const now = X509_gmtime_adj(nullptr, -60);
  ASN1_TIME* const until = X509_gmtime_adj(nullptr, valid.count());
  OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, now, until);
  FS_CHECK(OCSP_basic_sign(basic, authority.get(), key.get(), EVP_sha256(), nullptr, 0) == 1);
  OCSP_RESPONSE* const response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  unsigned char* bytes = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &bytes);
  const std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(now);
  ASN1_TIME_free(until);
  return der;
}

void use_identity(SSL* ssl, const TlsIdentity& identity) {
  FS_CHECK(SSL_use_certificate(ssl, certificate_of(identity).get()) == 1);
  FS_CHECK(SSL_use_PrivateKey(ssl, key_of(identity).get()) == 1);
}

}  // namespace flaskscale
