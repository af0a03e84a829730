#include "proxy/net/tls_certificate.h"

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <utility>

#include "base/text.h"
#include "proxy/net/tls_handles.h"

namespace flaskscale::net {
namespace {

using std::chrono::system_clock;
using OcspResponse = std::unique_ptr<OCSP_RESPONSE, TlsFree<OCSP_RESPONSE_free>>;
using OcspBasic = std::unique_ptr<OCSP_BASICRESP, TlsFree<OCSP_BASICRESP_free>>;
using OcspId = std::unique_ptr<OCSP_CERTID, TlsFree<OCSP_CERTID_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, TlsFree<GENERAL_NAMES_free>>;

Error file_error(const std::string& path, const std::string& what) {
  return make_error(ErrorCode::invalid_argument, path + ": " + what);
}

system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return system_clock::time_point::max();
  return system_clock::from_time_t(timegm(&parts));
}

std::string text_of(const ASN1_STRING* text) {
  return lower_case({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text))});
}

// OpenSSL would ask at the terminal.
int no_password(char*, int, int, void*) { return -1; }

}  // namespace

Result<std::vector<x509_st*>> parse_certificates(const std::string& path, const std::string& pem) {
  ERR_clear_error();
  const BioHandle bio = read_only_bio(pem);
  std::vector<CertificateHandle> found;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) {
    found.emplace_back(certificate);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string error = take_tls_error();
  if (found.empty()) return file_error(path, "holds no certificate in PEM form");
  if (!at_end) {
    return file_error(path, "its certificate number " + std::to_string(found.size() + 1) +
                                " cannot be read: " + error);
  }
  std::vector<x509_st*> certificates;
  certificates.reserve(found.size());
  for (auto& certificate : found) certificates.push_back(certificate.release());
  return certificates;
}

Result<TlsCertificate> TlsCertificate::parse(const TlsCertificateFiles& files) {
  TlsCertificate certificate;
  certificate.info_.path = files.cert_path;
  if (auto read = certificate.read_chain(files); !read) return read.error();
  if (auto read = certificate.read_key(files); !read) return read.error();
  if (auto read = certificate.read_ocsp(files); !read) return read.error();
  certificate.read_names();
  ERR_clear_error();
  return certificate;
}

TlsCertificate::TlsCertificate(TlsCertificate&& other) noexcept
    : info_(std::move(other.info_)),
      chain_(std::exchange(other.chain_, {})),
      key_(std::exchange(other.key_, nullptr)),
      ocsp_(std::move(other.ocsp_)),
      ocsp_until_(other.ocsp_until_) {}

TlsCertificate::~TlsCertificate() {
  for (X509* certificate : chain_) X509_free(certificate);
  EVP_PKEY_free(key_);
}

int TlsCertificate::key_type() const { return EVP_PKEY_get_base_id(key_); }

const std::string& TlsCertificate::ocsp_at(system_clock::time_point now) const {
  static const std::string kNone;
  return now < ocsp_until_ ? ocsp_ : kNone;
}

Result<void> TlsCertificate::read_chain(const TlsCertificateFiles& files) {
  auto chain = parse_certificates(files.cert_path, files.cert_pem);
  if (!chain) return chain.error();
  chain_ = *std::move(chain);
  info_.not_after = time_of(X509_get0_notAfter(certificate()));
  return {};
}

Result<void> TlsCertificate::read_key(const TlsCertificateFiles& files) {
  const BioHandle bio = read_only_bio(files.key_pem);
  key_ = PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr);
  if (key_ == nullptr) {
    const bool is_encrypted = files.key_pem.find("ENCRYPTED") != std::string::npos;
    ERR_clear_error();
    return file_error(files.key_path, is_encrypted
                                          ? "the key is encrypted; take its password away, as with "
                                            "`openssl pkey -in KEY -out KEY`"
                                          : "holds no private key in PEM form");
  }
  if (X509_check_private_key(certificate(), key_) != 1) {
    ERR_clear_error();
    return file_error(files.key_path,
                      "the key does not belong to the certificate " + files.cert_path);
  }
  return {};
}

Result<void> TlsCertificate::read_ocsp(const TlsCertificateFiles& files) {
  if (files.ocsp_path.empty()) return {};
  const auto* bytes = reinterpret_cast<const unsigned char*>(files.ocsp_der.data());
  const OcspResponse response(
      d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(files.ocsp_der.size())));
  if (response == nullptr) return file_error(files.ocsp_path, "is no OCSP response in DER form");
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return file_error(files.ocsp_path, "the OCSP responder answered with an error");
  }
  const OcspBasic basic(OCSP_response_get1_basic(response.get()));
  // The issuer is the next of the chain; a self-signed one is its own.
  X509* const issuer = chain_.size() > 1 ? chain_[1] : chain_[0];
  const OcspId id(OCSP_cert_to_id(nullptr, certificate(), issuer));
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  ASN1_GENERALIZEDTIME* until = nullptr;
  if (basic == nullptr || id == nullptr ||
      OCSP_resp_find_status(basic.get(), id.get(), &status, nullptr, nullptr, nullptr, &until) !=
          1) {
    return file_error(files.ocsp_path, "says nothing about the certificate " + files.cert_path);
  }
  ocsp_ = files.ocsp_der;
  ocsp_until_ = time_of(until);
  return {};
}

// Of the subject alternative names; the common name counts only without any (RFC 6125).
void TlsCertificate::read_names() {
  const GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) info_.names.push_back(text_of(name->d.dNSName));
  }
  if (names != nullptr) return;
  const X509_NAME* subject = X509_get_subject_name(certificate());
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index >= 0) {
    info_.names.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))));
  }
}

}  // namespace flaskscale::net
