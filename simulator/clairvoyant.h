// The fewest instance-hours that could have served a load, had it been known beforehand.
#pragma once

#include <cstdint>
#include <vector>

#include "simulator/load_curve.h"

namespace flaskscale::simulator {

struct ClairvoyantSettings {
  double requests_per_second = 50;  // of one instance: slots / service time
  double boot_seconds = 60;
  uint32_t min = 0;
  uint32_t max = 1;
};

// How many instances a load asks for so that hardly anybody waits: ceil((rate + 2 sqrt(rate)) /
// requests_per_second), within min … max; one at least where there is any load, limits allowing.
uint32_t wait_free_need(double rate, const ClairvoyantSettings& settings);

// Each level (the k-th instance) is paid for while it is needed. Between two needs it is kept where
// that is shorter than a boot, else ended and booted again. The first instances are there already.
class Clairvoyant {
 public:
  explicit Clairvoyant(const ClairvoyantSettings& settings) : settings_(settings) {}

  // The next second.
  void add_second(double rate);

  double instance_seconds() const { return instance_seconds_; }
  uint32_t peak() const { return peak_; }
  uint32_t need() const { return need_; }  // of the last second

 private:
  ClairvoyantSettings settings_;
  double seconds_ = 0;
  double instance_seconds_ = 0;
  uint32_t need_ = 0;
  uint32_t peak_ = 0;
  // For each level ever needed, when it was needed last.
  std::vector<double> needed_until_;
};

// Of the whole curve, in steps of a second.
Clairvoyant clairvoyant_of(const LoadCurve& curve, double seconds,
                           const ClairvoyantSettings& settings);

}  // namespace flaskscale::simulator
