// One certificate with its key and its stapled OCSP response, read from PEM and checked.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

struct x509_st;
struct evp_pkey_st;

namespace flaskscale::net {

// The contents of its files, and their names for messages.
struct TlsCertificateFiles {
  std::string cert_path;
  std::string cert_pem;  // the certificate, then those that lead to the root
  std::string key_path;
  std::string key_pem;
  std::string ocsp_path;  // empty: none
  std::string ocsp_der;
};

struct TlsCertificateInfo {
  std::string path;
  std::vector<std::string> names;  // lower case; may begin with "*."
  std::chrono::system_clock::time_point not_after;
};

// Immutable once made; any thread.
class TlsCertificate {
 public:
  // The error names the file and what is wrong with it.
  static Result<TlsCertificate> parse(const TlsCertificateFiles& files);
  TlsCertificate(TlsCertificate&& other) noexcept;
  TlsCertificate& operator=(TlsCertificate&&) = delete;
  ~TlsCertificate();

  const TlsCertificateInfo& info() const { return info_; }
  x509_st* certificate() const { return chain_.front(); }
  const std::vector<x509_st*>& chain() const { return chain_; }  // the certificate first
  evp_pkey_st* key() const { return key_; }
  int key_type() const;  // EVP_PKEY_RSA, EVP_PKEY_EC …
  // To be stapled at that time; empty: nothing.
  const std::string& ocsp_at(std::chrono::system_clock::time_point now) const;

 private:
  TlsCertificate() = default;
  Result<void> read_chain(const TlsCertificateFiles& files);
  Result<void> read_key(const TlsCertificateFiles& files);
  Result<void> read_ocsp(const TlsCertificateFiles& files);
  void read_names();

  TlsCertificateInfo info_;
  std::vector<x509_st*> chain_;
  evp_pkey_st* key_ = nullptr;
  std::string ocsp_;
  std::chrono::system_clock::time_point ocsp_until_;
};

// All certificates of a PEM text, each owned by the caller; an error if there is none.
Result<std::vector<x509_st*>> parse_certificates(const std::string& path, const std::string& pem);

}  // namespace flaskscale::net
