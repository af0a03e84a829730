#include "balancer/backend_set.h"

#include <algorithm>
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
  if (policy_ != Policy::least_connections) turn_ = mix(members);
}

}  // namespace flaskscale::balancer
