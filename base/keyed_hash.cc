#include "base/keyed_hash.h"

#include <bit>
#include <cstddef>

namespace flaskscale {
namespace {

struct State {
  uint64_t a, b, c, d;

  void round() {
    a += b;
    c += d;
    b = std::rotl(b, 13) ^ a;
    d = std::rotl(d, 16) ^ c;
    a = std::rotl(a, 32);
    c += b;
    a += d;
    b = std::rotl(b, 17) ^ c;
    d = std::rotl(d, 21) ^ a;
    c = std::rotl(c, 32);
  }
  void take(uint64_t word) {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};

// Up to eight bytes, the first the lowest.
uint64_t word_of(std::string_view bytes) {
  uint64_t word = 0;
  for (size_t i = bytes.size(); i-- > 0;) word = word << 8U | static_cast<uint8_t>(bytes[i]);
  return word;
}

}  // namespace

uint64_t keyed_hash(const HashKey& key, std::string_view bytes) {
  State state{key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL,
              key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL};
  const uint64_t length = static_cast<uint64_t>(bytes.size()) << 56U;
  while (bytes.size() >= 8) {
    state.take(word_of(bytes.substr(0, 8)));
    bytes.remove_prefix(8);
  }
  state.take(length | word_of(bytes));
  state.c ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace flaskscale
