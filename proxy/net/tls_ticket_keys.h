// The keys of TLS session tickets, shared by all workers and listeners, and changed from time to
// time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/result.h"

struct ssl_st;
struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;
struct evp_cipher_st;

namespace flaskscale::net {

struct TicketKey {
  std::array<uint8_t, 16> name{};
  std::array<uint8_t, 32> cipher{};  // AES-256-CBC
  std::array<uint8_t, 32> mac{};     // HMAC-SHA-256
  bool operator==(const TicketKey&) const = default;
};

// From the system's random numbers for secrets.
TicketKey make_ticket_key();

// One key a line, each 160 hexadecimal digits (`openssl rand -hex 80`): name, cipher, mac. The
// first one makes tickets, the others only read them. Empty lines and lines that begin with # are
// skipped. At most TicketKeyRing::kKeys.
Result<std::vector<TicketKey>> parse_ticket_keys(std::string_view text);

// Any thread.
class TicketKeyRing {
 public:
  static constexpr size_t kKeys = 3;  // the current one and two before it

  explicit TicketKeyRing(std::vector<TicketKey> keys);
  ~TicketKeyRing();
  TicketKeyRing(const TicketKeyRing&) = delete;
  TicketKeyRing& operator=(const TicketKeyRing&) = delete;

  // Newest first, 1 to kKeys.
  void replace(std::vector<TicketKey> keys);
  // Tickets are made with `fresh` from now on; the oldest key is forgotten.
  void rotate(const TicketKey& fresh);

  // OpenSSL's ticket callback: begins to encrypt a ticket with the current key, or to decrypt one
  // with the key that it names. Returns what that callback returns.
  int begin_ticket(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher,
                   evp_mac_ctx_st* mac, bool encrypt) const;

 private:
  using Keys = std::shared_ptr<const std::vector<TicketKey>>;
  Keys keys() const;

  mutable std::mutex mutex_;
  Keys keys_;                   // Guarded by mutex_.
  evp_cipher_st* aes_256_cbc_;  // fetched once: a fetch takes locks
};

}  // namespace flaskscale::net
