// How far reality exceeded one forecaster, and what covering that would cost.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace flaskscale::scaler {

// The last three hours of judged forecasts, at one every five seconds: 2160, kept as a histogram.
class Calibration {
 public:
  // `exceeded`: what the load reached divided by what was forecast; `relative`: the forecast
  // divided by the load it was made at, 1 … 64. Others than positive finite values are ignored.
  void add(double exceeded, double relative);

  size_t known() const { return samples_.size() / 2; }
  // The headroom that would have covered the share `q` of the cases, to 0.25 % upwards, 1 … 2.1.
  double headroom(double q) const;
  double mean_relative() const;

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.packed("samples", samples_);
  }
  // Counts again what was restored.
  bool settle();

 private:
  void count(size_t first, int32_t by);

  static constexpr size_t kMost = 2160;
  static constexpr size_t kBins = 441;
  std::deque<uint16_t> samples_;  // pairs: bin, coded relative forecast; oldest first
  std::array<uint16_t, kBins> bins_{};
  uint64_t relatives_ = 0;  // sum of the coded values
};

}  // namespace flaskscale::scaler
