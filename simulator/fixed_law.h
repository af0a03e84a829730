// Always the same number of instances.
#pragma once

#include <cstdint>

#include "simulator/scaling_law.h"

namespace flaskscale::simulator {

class FixedLaw final : public ScalingLaw {
 public:
  explicit FixedLaw(uint32_t size) : size_(size) {}
  uint32_t wanted(const LawView& /*view*/) override { return size_; }

 private:
  const uint32_t size_;
};

}  // namespace flaskscale::simulator
