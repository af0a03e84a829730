#include "scaler/boot_book.h"

#include <algorithm>

namespace flaskscale::scaler {

void BootBook::add(const Booted& boot) {
  pool_.add(boot.seconds);
  if (boot.kind.empty()) return;
  auto found = std::find_if(kinds_.begin(), kinds_.end(),
                            [&](const Kind& kind) { return kind.name == boot.kind; });
  if (found == kinds_.end()) {
    if (kinds_.size() == kMostKinds) kinds_.erase(kinds_.begin());
    kinds_.push_back({boot.kind, {}});
  } else {
    std::rotate(found, found + 1, kinds_.end());
  }
  kinds_.back().times.add(boot.seconds);
}

const BootTimes* BootBook::find(std::string_view kind) const {
  for (const Kind& known : kinds_) {
    if (known.name == kind) return &known.times;
  }
  return nullptr;
}

double BootBook::q90(std::string_view kind, double prior) const {
  const BootTimes* times = find(kind);
  return times == nullptr ? pool_.q90(prior) : times->q90(pool_.q90(prior));
}

double BootBook::median(std::string_view kind, double prior) const {
  const BootTimes* times = find(kind);
  return times == nullptr ? pool_.median(prior) : times->median(pool_.median(prior));
}

}  // namespace flaskscale::scaler
