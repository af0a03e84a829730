#include "scaler/providers/gce_token_signer.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

#include "base/base64url.h"

namespace flaskscale::scaler {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// A key file that wants a passphrase is refused rather than asked for at the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

std::unique_ptr<EVP_PKEY, FreeKey> read_key(const std::string& pem) {
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return nullptr;
  return std::unique_ptr<EVP_PKEY, FreeKey>(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
}

}  // namespace

Result<std::string> sign_jwt(std::string_view header, std::string_view claims,
                             const std::string& private_key_pem) {
  const auto key = read_key(private_key_pem);
  if (!key || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA) {
    ERR_clear_error();
    return make_error(ErrorCode::misconfigured,
                      "the service account's private_key is no readable RSA key");
  }
  const std::string input = base64url(header) + "." + base64url(claims);
  const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(input.data());
  size_t size = 0;
  std::string signature;
  bool signed_well =
      context != nullptr &&
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &size, bytes, input.size()) == 1;
  if (signed_well) {
    signature.resize(size);
    signed_well = EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                 &size, bytes, input.size()) == 1;
  }
  if (!signed_well) {
    ERR_clear_error();
    return make_error(ErrorCode::misconfigured,
                      "signing with the service account's private_key failed");
  }
  signature.resize(size);
  return input + "." + base64url(signature);
}

}  // namespace flaskscale::scaler
