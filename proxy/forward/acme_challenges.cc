#include "proxy/forward/acme_challenges.h"

namespace flaskscale::forward {

void AcmeChallenges::put_up(const std::string& token, const std::string& answer) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[token];
  entry.answer = answer;
  ++entry.uses;
  size_.store(entries_.size(), std::memory_order_relaxed);
}

void AcmeChallenges::take_down(const std::string& token) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(token);
  if (found == entries_.end() || --found->second.uses > 0) return;
  entries_.erase(found);
  size_.store(entries_.size(), std::memory_order_relaxed);
}

std::optional<std::string> AcmeChallenges::find(std::string_view path) const {
  constexpr std::string_view kPlace = "/.well-known/acme-challenge/";
  if (!path.starts_with(kPlace)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(path.substr(kPlace.size()));
  if (found == entries_.end()) return std::nullopt;
  return found->second.answer;
}

}  // namespace flaskscale::forward
