#include "proxy/net/tls_ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"

namespace flaskscale::net {
namespace {

constexpr size_t kKeyBytes =
    sizeof(TicketKey::name) + sizeof(TicketKey::cipher) + sizeof(TicketKey::mac);

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

TicketKey key_from(const std::array<uint8_t, kKeyBytes>& bytes) {
  TicketKey key;
  const uint8_t* from = bytes.data();
  std::memcpy(key.name.data(), from, key.name.size());
  from += key.name.size();
  std::memcpy(key.cipher.data(), from, key.cipher.size());
  from += key.cipher.size();
  std::memcpy(key.mac.data(), from, key.mac.size());
  return key;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t begin = line.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlank) - begin + 1);
}

// False: not the digits of one key.
bool parse_key(std::string_view line, TicketKey& key) {
  std::array<uint8_t, kKeyBytes> bytes{};
  if (line.size() != 2 * bytes.size()) return false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit_of(line[2 * i]);
    const int low = digit_of(line[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  key = key_from(bytes);
  return true;
}

}  // namespace

TicketKey make_ticket_key() {
  std::array<uint8_t, kKeyBytes> bytes{};
  FS_CHECK(RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return key_from(bytes);
}

Result<std::vector<TicketKey>> parse_ticket_keys(std::string_view text) {
  std::vector<TicketKey> keys;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (line.empty() || line.front() == '#') continue;
    TicketKey key;
    if (!parse_key(line, key)) {
      return make_error(ErrorCode::invalid_argument,
                        "line " + std::to_string(number) +
                            " is not a key of 160 hexadecimal digits, as `openssl rand -hex 80` "
                            "makes them");
    }
    const auto same_name = [&](const TicketKey& other) { return other.name == key.name; };
    if (std::any_of(keys.begin(), keys.end(), same_name)) {
      return make_error(ErrorCode::invalid_argument,
                        "line " + std::to_string(number) + " has the name of a key above it");
    }
    keys.push_back(key);
  }
  if (keys.empty()) return make_error(ErrorCode::invalid_argument, "holds no key");
  if (keys.size() > TicketKeyRing::kKeys) {
    return make_error(ErrorCode::invalid_argument,
                      "holds more than " + std::to_string(TicketKeyRing::kKeys) + " keys");
  }
  return keys;
}

TicketKeyRing::TicketKeyRing(std::vector<TicketKey> keys)
    : aes_256_cbc_(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)) {
  FS_CHECK(aes_256_cbc_ != nullptr);
  replace(std::move(keys));
}

TicketKeyRing::~TicketKeyRing() { EVP_CIPHER_free(aes_256_cbc_); }

void TicketKeyRing::replace(std::vector<TicketKey> keys) {
  FS_CHECK(!keys.empty() && keys.size() <= kKeys);
  auto shared = std::make_shared<const std::vector<TicketKey>>(std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(shared);
}

void TicketKeyRing::rotate(const TicketKey& fresh) {
  std::vector<TicketKey> next{fresh};
  for (const TicketKey& key : *keys()) {
    if (next.size() < kKeys) next.push_back(key);
  }
  replace(std::move(next));
}

TicketKeyRing::Keys TicketKeyRing::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

int TicketKeyRing::begin_ticket(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher,
                                evp_mac_ctx_st* mac, bool encrypt) const {
  constexpr int kFailed = -1;
  constexpr int kNotOurs = 0;
  constexpr int kGood = 1;
  constexpr int kGoodAndRenew = 2;
  const Keys all = keys();
  const TicketKey* key = &all->front();
  if (encrypt) {
    std::memcpy(name, key->name.data(), key->name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes_256_cbc_)) != 1) return kFailed;
  } else {
    const auto found = std::find_if(all->begin(), all->end(), [&](const TicketKey& candidate) {
      return std::memcmp(candidate.name.data(), name, candidate.name.size()) == 0;
    });
    if (found == all->end()) return kNotOurs;
    key = &*found;
  }
  if (EVP_CipherInit_ex(cipher, aes_256_cbc_, nullptr, key->cipher.data(), iv, encrypt ? 1 : 0) !=
      1) {
    return kFailed;
  }
  char digest[] = "SHA256";
  auto* mac_key = const_cast<uint8_t*>(key->mac.data());
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key, key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return kFailed;
  return encrypt || key == &all->front() ? kGood : kGoodAndRenew;
}

}  // namespace flaskscale::net
