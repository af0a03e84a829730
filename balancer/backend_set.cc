#include "balancer/backend_set.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <queue>
#include <unordered_map>
#include <utility>

#include "base/check.h"

namespace flaskscale::balancer {
namespace {

// The turn's length is bounded; beyond it weights are rounded, each backend keeping at least one
// place.
constexpr uint64_t kMaxTurn = 16384;

// So many points give shares within some 10 % of each other. The ring's length is bounded.
constexpr size_t kPointsPerBackend = 160;
constexpr double kMostPoints = 16384;

std::vector<uint64_t> places_of(const std::vector<BackendSet::Member>& members) {
  if (members.empty()) return {};
  uint64_t divisor = 0;
  uint64_t total = 0;
  for (const auto& member : members) divisor = std::gcd(divisor, uint64_t{member.weight});
  FS_CHECK(divisor > 0);  // a weight is at least 1
  for (const auto& member : members) total += member.weight / divisor;
  FS_CHECK(total > 0);
  std::vector<uint64_t> places;
  places.reserve(members.size());
  for (const auto& member : members) {
    const uint64_t weight = member.weight / divisor;
    places.push_back(total <= kMaxTurn ? weight : std::max<uint64_t>(1, weight * kMaxTurn / total));
  }
  return places;
}

// The k-th of a member's w places is due at (k + 1/2) / w of the turn.
std::vector<CellRef> mix(const std::vector<BackendSet::Member>& members) {
  const std::vector<uint64_t> places = places_of(members);
  using Due = std::pair<double, size_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due;
  for (size_t i = 0; i < members.size(); ++i) due.emplace(0.5 / static_cast<double>(places[i]), i);
  std::vector<uint64_t> placed(members.size(), 0);
  std::vector<CellRef> turn;
  while (!due.empty()) {
    const size_t i = due.top().second;
    due.pop();
    turn.push_back(members[i].cell);
    if (++placed[i] == places[i]) continue;
    due.emplace((static_cast<double>(placed[i]) + 0.5) / static_cast<double>(places[i]), i);
  }
  return turn;
}

}  // namespace

BackendSet::BackendSet(Policy policy, const std::vector<Member>& members) : policy_(policy) {
  std::unordered_map<const LoadBlock*, uint32_t> index_of;
  uint32_t greatest_weight = 1;
  for (const Member& member : members) {
    const auto next = static_cast<uint32_t>(blocks_.size());
    const auto [known, is_new] = index_of.try_emplace(member.cell.block, next);
    if (is_new) blocks_.push_back(member.cell.block);
    block_of_each_.push_back(known->second);
    greatest_weight = std::max(greatest_weight, member.weight);
  }
  idle_key_ = LoadBlock::key_of(0, greatest_weight);
  if (policy_ == Policy::round_robin || policy_ == Policy::random_two) turn_ = mix(members);
  if (policy_ == Policy::consistent_hash) make_ring(members);
  for (const Member& member : members) {
    if (member.sticky_name != 0) sticky_.emplace_back(member.sticky_name, member.cell);
  }
  std::sort(sticky_.begin(), sticky_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
}

void BackendSet::make_ring(const std::vector<Member>& members) {
  members_ = members;
  total_weight_ = 0;
  for (const Member& member : members) total_weight_ += member.weight;
  const double per_weight =
      std::min(static_cast<double>(kPointsPerBackend * members.size()), kMostPoints) /
      std::max(total_weight_, 1.0);
  for (size_t i = 0; i < members.size(); ++i) {
    const auto points = static_cast<uint64_t>(std::ceil(members[i].weight * per_weight));
    for (uint64_t k = 0; k < points; ++k) {
      ring_.push_back({mix_bits(members[i].ring_name + mix_bits(k)), static_cast<uint32_t>(i)});
    }
  }
  std::sort(ring_.begin(), ring_.end(), [](const Point& a, const Point& b) { return a.at < b.at; });
}

size_t BackendSet::ring_place(uint64_t hash) const {
  const auto found =
      std::lower_bound(ring_.begin(), ring_.end(), hash,
                       [](const Point& point, uint64_t at) { return point.at < at; });
  return found == ring_.end() ? 0 : static_cast<size_t>(found - ring_.begin());
}

CellRef BackendSet::find_sticky(uint64_t name) const {
  const auto found =
      std::lower_bound(sticky_.begin(), sticky_.end(), name,
                       [](const auto& entry, uint64_t wanted) { return entry.first < wanted; });
  return found == sticky_.end() || found->first != name ? CellRef{} : found->second;
}

}  // namespace flaskscale::balancer
