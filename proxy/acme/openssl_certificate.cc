#include "proxy/acme/openssl_certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>

#include "base/text.h"

namespace flaskscale::acme {
namespace {

// No real chain is longer; a directory that sends more is broken.
constexpr size_t kMostCertificates = 16;
constexpr auto kClockSkew = std::chrono::hours(1);
constexpr const char* kStandInName = "FlaskScale stand-in";

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(GENERAL_NAME* name) const { GENERAL_NAME_free(name); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(STACK_OF(X509_EXTENSION) * list) const {
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
  }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Error failed(const char* what) {
  ERR_clear_error();
  return make_error(ErrorCode::internal, what);
}

Error unreadable(const char* what) {
  ERR_clear_error();
  return make_error(ErrorCode::bad_message, what);
}

Owned<GENERAL_NAMES> alternative_names(const std::vector<std::string>& names) {
  Owned<GENERAL_NAMES> list(GENERAL_NAMES_new());
  if (list == nullptr) return nullptr;
  for (const std::string& name : names) {
    ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
    if (text == nullptr) return nullptr;
    Owned<GENERAL_NAME> entry(GENERAL_NAME_new());
    if (entry == nullptr ||
        ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) != 1) {
      ASN1_IA5STRING_free(text);
      return nullptr;
    }
    GENERAL_NAME_set0_value(entry.get(), GEN_DNS, text);
    if (sk_GENERAL_NAME_push(list.get(), entry.get()) == 0) return nullptr;
    static_cast<void>(entry.release());  // the list's
  }
  return list;
}

bool add_names(X509_REQ* request, const std::vector<std::string>& names) {
  const Owned<GENERAL_NAMES> list = alternative_names(names);
  if (list == nullptr) return false;
  const Owned<STACK_OF(X509_EXTENSION)> extensions(sk_X509_EXTENSION_new_null());
  Owned<X509_EXTENSION> extension(X509V3_EXT_i2d(NID_subject_alt_name, 0, list.get()));
  if (extensions == nullptr || extension == nullptr ||
      sk_X509_EXTENSION_push(extensions.get(), extension.get()) == 0) {
    return false;
  }
  static_cast<void>(extension.release());  // the list's
  return X509_REQ_add_extensions(request, extensions.get()) == 1;
}

bool set_random_serial(X509* certificate) {
  unsigned char bytes[8];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  uint64_t serial = 0;
  for (const unsigned char byte : bytes) serial = (serial << 8U) | byte;
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial | 1U) == 1;
}

time_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::optional<WallTime> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  const Owned<GENERAL_NAMES> list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = list == nullptr ? 0 : sk_GENERAL_NAME_num(list.get());
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(list.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto* const text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    const auto size = static_cast<size_t>(ASN1_STRING_length(name->d.dNSName));
    names.push_back(lower_case(std::string_view(text, size)));
  }
  std::sort(names.begin(), names.end());
  return names;
}

template <typename T, typename Write>
std::string written(Write write, T* object) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get(), object) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

Result<std::string> certificate_request(const Key& key, const std::vector<std::string>& names) {
  const Owned<X509_REQ> request(X509_REQ_new());
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.native()) != 1 || !add_names(request.get(), names) ||
      X509_REQ_sign(request.get(), key.native(), EVP_sha256()) <= 0) {
    return failed("OpenSSL can't make a certificate request");
  }
  std::string der = written(i2d_X509_REQ_bio, request.get());
  if (der.empty()) return failed("OpenSSL can't write a certificate request");
  return der;
}

Result<std::string> stand_in_certificate(const Key& key, const std::vector<std::string>& names,
                                         WallTime now, Duration life) {
  const Owned<X509> certificate(X509_new());
  const Owned<GENERAL_NAMES> list = alternative_names(names);
  if (certificate == nullptr || list == nullptr) return failed("OpenSSL has no memory");
  X509* const made = certificate.get();
  const auto end = now + std::chrono::duration_cast<std::chrono::milliseconds>(life);
  X509_NAME* const subject = X509_get_subject_name(made);
  const auto* const name = reinterpret_cast<const unsigned char*>(kStandInName);
  if (X509_set_version(made, X509_VERSION_3) != 1 || !set_random_serial(made) ||
      ASN1_TIME_set(X509_getm_notBefore(made), seconds_of(now - kClockSkew)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(made), seconds_of(end)) == nullptr ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) != 1 ||
      X509_set_issuer_name(made, subject) != 1 || X509_set_pubkey(made, key.native()) != 1 ||
      X509_add1_ext_i2d(made, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) != 1 ||
      X509_sign(made, key.native(), EVP_sha256()) <= 0) {
    return failed("OpenSSL can't make a self-signed certificate");
  }
  std::string pem = written(PEM_write_bio_X509, made);
  if (pem.empty()) return failed("OpenSSL can't write a certificate");
  return pem;
}

Result<CertificateFacts> read_pair(std::string_view chain_pem, const Key& key) {
  const Owned<BIO> bio(BIO_new_mem_buf(chain_pem.data(), static_cast<int>(chain_pem.size())));
  if (bio == nullptr) return failed("OpenSSL has no memory");
  const Owned<X509> first(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (first == nullptr) return unreadable("holds no readable certificate");
  for (size_t count = 1;; ++count) {
    ERR_clear_error();
    const Owned<X509> next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    if (count >= kMostCertificates) return unreadable("holds too many certificates");
  }
  const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!is_end) return unreadable("holds a certificate that is not readable");
  if (X509_check_private_key(first.get(), key.native()) != 1) {
    return unreadable("does not belong to its key");
  }
  const auto not_before = time_of(X509_get0_notBefore(first.get()));
  const auto not_after = time_of(X509_get0_notAfter(first.get()));
  if (!not_before || !not_after || *not_after <= *not_before) {
    return unreadable("has no readable dates");
  }
  CertificateFacts facts{*not_before, *not_after, names_of(first.get()), false};
  facts.is_self_issued =
      X509_NAME_cmp(X509_get_subject_name(first.get()), X509_get_issuer_name(first.get())) == 0;
  ERR_clear_error();
  return facts;
}

}  // namespace flaskscale::acme
