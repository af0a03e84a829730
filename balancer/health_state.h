// What the active checks of one backend have said so far.
#pragma once

#include <cstdint>

namespace flaskscale::balancer {

// Guarded by the pool's mutex. Down until the first good check; once it has been up, it takes
// `fall` bad checks in a row to go down and `rise` good ones to come back.
class HealthState {
 public:
  bool is_up() const { return up_; }
  // Never up, and not yet `fall` bad checks: it may still prove to serve.
  bool is_unverified(uint32_t fall) const { return !was_up_ && bad_in_a_row_ < fall; }

  // Returns true if the verdict changed.
  bool on_probe(bool good, uint32_t rise, uint32_t fall);

 private:
  bool up_ = false;
  bool was_up_ = false;
  uint32_t good_in_a_row_ = 0;
  uint32_t bad_in_a_row_ = 0;
};

}  // namespace flaskscale::balancer
