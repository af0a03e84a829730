#include "scaler/need_memory.h"

#include <algorithm>
#include <cmath>

namespace flaskscale::scaler {
namespace {

uint32_t levels_for(uint32_t size, uint32_t per_level) {
  return size / per_level + (size % per_level == 0 ? 0 : 1);
}

}  // namespace

void NeedMemory::note(uint32_t size, double slots_per_instance, const Rule& rule, Time now) {
  if (slots_per_instance != slots_per_instance_) convert(per_level_, slots_per_instance);
  while (levels_for(size, per_level_) > kMostLevels) convert(per_level_ * 2, slots_per_instance_);

  const size_t needed = levels_for(size, per_level_);
  for (size_t i = needed; i < needed_; ++i) {
    levels_[i].seconds += to_seconds(now - levels_[i].began);
    levels_[i].last = now;
  }
  if (needed > levels_.size()) levels_.resize(needed);
  for (size_t i = needed_; i < needed; ++i) {
    Level& level = levels_[i];
    if (to_seconds(now - level.last) > rule.most) level.seconds = 0;
    level.began = now;
  }
  needed_ = needed;
  noted_at_ = now;
  while (levels_.size() > needed_ && to_seconds(now - levels_.back().last) > rule.most) {
    levels_.pop_back();
  }
}

bool NeedMemory::is_kept(const Level& level, const Rule& rule, Time now) const {
  const double least = std::min(rule.least, rule.most);
  const double keep = std::clamp(rule.share * level.seconds, least, rule.most);
  return to_seconds(now - level.last) <= keep;
}

uint32_t NeedMemory::kept(const Rule& rule, Time now) const {
  size_t levels = levels_.size();
  while (levels > needed_ && !is_kept(levels_[levels - 1], rule, now)) --levels;
  return static_cast<uint32_t>(levels) * per_level_;
}

void NeedMemory::restart_at(Time now) {
  for (size_t i = 0; i < levels_.size(); ++i) {
    if (i < needed_) levels_[i].seconds += std::max(0.0, to_seconds(noted_at_ - levels_[i].began));
    levels_[i].began = levels_[i].last = now;
  }
  noted_at_ = now;
}

// The new level j stands for as many slots as the old one it is read from.
void NeedMemory::convert(uint32_t per_level, double slots_per_instance) {
  const double old_slots = slots_per_instance_ * per_level_;
  const double new_slots = slots_per_instance * per_level;
  const auto converted = [&](size_t count) {
    const double most = kMostLevels;
    return static_cast<size_t>(
        std::min(most, std::ceil(static_cast<double>(count) * old_slots / new_slots)));
  };
  std::vector<Level> levels(converted(levels_.size()));
  for (size_t j = 0; j < levels.size(); ++j) {
    const double from = std::floor(static_cast<double>(j) * new_slots / old_slots);
    levels[j] = levels_[std::min(static_cast<size_t>(from), levels_.size() - 1)];
  }
  needed_ = converted(needed_);
  levels_.swap(levels);
  per_level_ = per_level;
  slots_per_instance_ = slots_per_instance;
}

bool NeedMemory::settle() const {
  return levels_.size() <= kMostLevels && needed_ <= levels_.size() && per_level_ >= 1 &&
         per_level_ <= (1U << 30) && slots_per_instance_ >= 1;
}

}  // namespace flaskscale::scaler
