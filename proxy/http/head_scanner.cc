#include "proxy/http/head_scanner.h"

#include <bit>
#include <cstring>

#include "proxy/http/char_class.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace flaskscale::http {
namespace {

constexpr uint32_t kBlock = 64;

// One bit per byte of a block.
struct BlockBits {
  uint64_t cr = 0;
  uint64_t lf = 0;
  uint64_t control = 0;  // CTL except HT, CR and LF
};

#if defined(__SSE2__)
[[gnu::always_inline]] inline uint64_t lane_bits(__m128i lanes, uint32_t shift) {
  return static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(lanes))) << shift;
}

[[gnu::always_inline]] inline BlockBits classify(const char* block) {
  // Unsigned "below 0x20": the maximum with 0x1F is 0x1F.
  const __m128i highest_control = _mm_set1_epi8(0x1F);
  uint64_t tab = 0;
  BlockBits bits;
  for (uint32_t at = 0; at < kBlock; at += 16) {
    __m128i bytes;
    std::memcpy(&bytes, block + at, sizeof bytes);
    const __m128i low = _mm_cmpeq_epi8(_mm_max_epu8(bytes, highest_control), highest_control);
    const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F));
    bits.control |= lane_bits(_mm_or_si128(low, del), at);
    bits.cr |= lane_bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')), at);
    bits.lf |= lane_bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')), at);
    tab |= lane_bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')), at);
  }
  bits.control &= ~(bits.cr | bits.lf | tab);
  return bits;
}
#else
BlockBits classify(const char* block) {
  BlockBits bits;
  for (uint32_t i = 0; i < kBlock; ++i) {
    const uint64_t bit = uint64_t{1} << i;
    if (block[i] == '\r') {
      bits.cr |= bit;
    } else if (block[i] == '\n') {
      bits.lf |= bit;
    } else if (has_bit(block[i], char_bit::kControl)) {
      bits.control |= bit;
    }
  }
  return bits;
}
#endif

// Of fewer bytes than a block, without reading on.
BlockBits classify_tail(const char* bytes, uint32_t count) {
  char block[kBlock];
  std::memset(block, ' ', sizeof block);
  std::memcpy(block, bytes, count);
  return classify(block);
}

}  // namespace

HeadScanner::Found HeadScanner::on_line(const char* data, uint32_t line_feed, uint32_t max_fields,
                                        uint32_t max_empty_lines) {
  const uint32_t begin = line_begin_;
  const bool empty = line_feed - 1 == begin;
  line_begin_ = line_feed + 1;
  if (!has_start_line()) {
    if (empty) {
      start_begin_ = line_begin_;
      return ++empty_lines_ > max_empty_lines ? Found::too_many_empty_lines : Found::more;
    }
    start_end_ = line_feed - 1;
    return Found::more;
  }
  if (empty) return Found::end;
  if (data[begin] == ' ' || data[begin] == '\t') return Found::obs_fold;
  if (data[begin] == ':') return Found::empty_name;
  return ++field_lines_ > max_fields ? Found::too_many_fields : Found::more;
}

HeadScanner::Found HeadScanner::scan(std::string_view bytes, uint32_t max_fields,
                                     uint32_t max_empty_lines) {
  const char* data = bytes.data();
  const auto size = static_cast<uint32_t>(bytes.size());
  uint64_t after_cr = searched_ > 0 && data[searched_ - 1] == '\r' ? 1 : 0;
  while (searched_ < size) {
    const uint32_t count = size - searched_ < kBlock ? size - searched_ : kBlock;
    const bool whole = count == kBlock;
    const BlockBits bits =
        whole ? classify(data + searched_) : classify_tail(data + searched_, count);
    // A byte behind a CR that is no LF, or an LF that is not behind a CR.
    const uint64_t in_block = whole ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    const uint64_t unpaired = (((bits.cr << 1U) | after_cr) ^ bits.lf) & in_block;
    const uint64_t all_wrong = bits.control | unpaired;
    const uint64_t wrong = all_wrong & (~all_wrong + 1);  // the first of them
    // Lines that end before the first wrong byte count first: one of them may end the head.
    for (uint64_t ends = bits.lf & (wrong - 1); ends != 0; ends &= ends - 1) {
      const auto offset = static_cast<uint32_t>(std::countr_zero(ends));
      const Found found = on_line(data, searched_ + offset, max_fields, max_empty_lines);
      if (found != Found::more) return found;
    }
    if (wrong != 0) {
      if ((unpaired & wrong) == 0) return Found::control_byte;
      return (bits.lf & wrong) != 0 ? Found::bare_lf : Found::bare_cr;
    }
    after_cr = (bits.cr >> (count - 1)) & 1U;
    searched_ += count;
  }
  return Found::more;
}

}  // namespace flaskscale::http
