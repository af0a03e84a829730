#include "scaler/providers/gce_request_ids.h"

#include <array>
#include <cstdint>

namespace flaskscale::scaler {
namespace {

// FNV-1a with the finalizer of MurmurHash3; two of them with different beginnings make 128 bits.
// Nobody gains anything by a collision here.
class Hash {
 public:
  explicit Hash(uint64_t seed) : state_(0xcbf29ce484222325U ^ seed) {}
  void add(std::string_view text) {
    for (const char c : text) {
      state_ ^= static_cast<uint8_t>(c);
      state_ *= 0x100000001b3U;
    }
    state_ ^= 0x1ffU;  // so that "a","bc" and "ab","c" differ
    state_ *= 0x100000001b3U;
  }
  uint64_t value() const {
    uint64_t mixed = state_;
    mixed ^= mixed >> 33U;
    mixed *= 0xff51afd7ed558ccdU;
    mixed ^= mixed >> 33U;
    mixed *= 0xc4ceb9fe1a85ec53U;
    return mixed ^ (mixed >> 33U);
  }

 private:
  uint64_t state_;
};

std::string uuid_of(uint64_t high, uint64_t low) {
  high = (high & ~0xf000ULL) | 0x8000ULL;                        // version 8: made as one likes
  low = (low & ~0xc000000000000000ULL) | 0x8000000000000000ULL;  // RFC 9562's variant
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
    const uint64_t half = i < 16 ? high : low;
    text += kHex[(half >> (60U - 4U * (i % 16U))) & 15U];
  }
  return text;
}

}  // namespace

std::string GceRequestIds::id_of(std::string_view action_id, std::string_view verb,
                                 std::string_view zone,
                                 const std::vector<std::string>& instances) const {
  std::string id;
  // Each round is one time that the same call was over; a handful at most.
  for (uint32_t round = 0;; ++round) {
    std::array<Hash, 2> hashes = {Hash(0x9e3779b97f4a7c15U), Hash(0xd1b54a32d192ed03U)};
    for (Hash& hash : hashes) {
      hash.add(action_id);
      hash.add(verb);
      hash.add(zone);
      for (const std::string& instance : instances) hash.add(instance);
      hash.add(std::to_string(round));
    }
    id = uuid_of(hashes[0].value(), hashes[1].value());
    if (!over_.contains(id)) return id;
  }
}

void GceRequestIds::on_over(const std::string& id) {
  if (!over_.insert(id).second) return;
  order_.push_back(id);
  if (order_.size() <= kMostRemembered) return;
  over_.erase(order_.front());
  order_.pop_front();
}

}  // namespace flaskscale::scaler
