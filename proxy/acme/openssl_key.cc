#include "proxy/acme/openssl_key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <utility>

#include "base/base64url.h"
#include "base/check.h"

namespace flaskscale::acme {
namespace {

constexpr size_t kCoordinate = 32;  // bytes of a P-256 number
constexpr size_t kDigest = 32;      // bytes of a SHA-256

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
};
struct FreeSignature {
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// A key file that wants a passphrase is refused rather than asked for at the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

Error key_failure(const char* what) {
  ERR_clear_error();
  return make_error(ErrorCode::internal, what);
}

// Big endian, kCoordinate bytes; empty: it does not fit.
std::string padded(const BIGNUM* number) {
  std::string bytes(kCoordinate, '\0');
  const int written = BN_bn2binpad(number, bytes_of(bytes), static_cast<int>(bytes.size()));
  return written == static_cast<int>(kCoordinate) ? bytes : std::string();
}

std::string coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return {};
  const std::unique_ptr<BIGNUM, FreeNumber> owned(number);
  return padded(owned.get());
}

bool is_p256(const EVP_PKEY* key) {
  char group[80] = "";
  size_t size = 0;
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
         std::string_view(group) == SN_X9_62_prime256v1;
}

}  // namespace

std::string sha256(std::string_view bytes) {
  std::string digest(kDigest, '\0');
  FS_CHECK(EVP_Digest(bytes.data(), bytes.size(), bytes_of(digest), nullptr, EVP_sha256(),
                      nullptr) == 1);
  return digest;
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::string digest(kDigest, '\0');
  FS_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(bytes),
                bytes.size(), bytes_of(digest), nullptr) != nullptr);
  return digest;
}

Result<Key> Key::generate() {
  Key key(std::shared_ptr<evp_pkey_st>(EVP_EC_gen("P-256"), &EVP_PKEY_free));
  if (key.key_ == nullptr) return key_failure("OpenSSL can't make an EC key");
  if (auto described = key.describe(); !described) return described.error();
  return key;
}

Result<Key> Key::from_pem(std::string_view pem) {
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  EVP_PKEY* const read = bio == nullptr
                             ? nullptr
                             : PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
  Key key(std::shared_ptr<evp_pkey_st>(read, &EVP_PKEY_free));
  ERR_clear_error();
  if (read == nullptr) return make_error(ErrorCode::bad_message, "is no readable private key");
  if (!is_p256(read)) return make_error(ErrorCode::bad_message, "is no EC key on P-256");
  if (auto described = key.describe(); !described) return described.error();
  return key;
}

Result<void> Key::describe() {
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr ||
      PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return key_failure("OpenSSL can't write an EC key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  pem_.assign(data, static_cast<size_t>(size));
  const std::string x = coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X);
  const std::string y = coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y);
  if (x.empty() || y.empty()) return key_failure("OpenSSL can't tell an EC key's public half");
  jwk_ = R"({"crv":"P-256","kty":"EC","x":")" + base64url(x) + R"(","y":")" + base64url(y) + "\"}";
  return {};
}

std::string Key::thumbprint() const { return base64url(sha256(jwk_)); }

Result<std::string> Key::sign(std::string_view message) const {
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(message), message.size()) != 1) {
    return key_failure("OpenSSL can't sign");
  }
  std::string der(size, '\0');
  if (EVP_DigestSign(context.get(), bytes_of(der), &size, bytes_of(message), message.size()) != 1) {
    return key_failure("OpenSSL can't sign");
  }
  const unsigned char* at = bytes_of(der);
  const std::unique_ptr<ECDSA_SIG, FreeSignature> signature(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  if (signature == nullptr) return key_failure("OpenSSL can't read its own signature");
  const std::string r = padded(ECDSA_SIG_get0_r(signature.get()));
  const std::string s = padded(ECDSA_SIG_get0_s(signature.get()));
  if (r.empty() || s.empty()) return key_failure("OpenSSL made a signature that is too long");
  return r + s;
}

}  // namespace flaskscale::acme
