#include "scaler/supply.h"

#include <algorithm>

namespace flaskscale::scaler {
namespace {

constexpr double kFirstShortageSeconds = 30;
constexpr double kMostShortageSeconds = 600;
constexpr double kOperatorSeconds = 300;  // quota, configuration
constexpr double kShortageJitter = 0.2;
constexpr uint32_t kMostDoublings = 10;
// How long a try may take before it is as if there had been none.
constexpr Duration kTryTakes = std::chrono::minutes(2);

}  // namespace

void Supply::use(const std::vector<std::string>& zones) {
  const bool same = std::equal(zones.begin(), zones.end(), zones_.begin(), zones_.end(),
                               [](const std::string& a, const Zone& b) { return a == b.name; });
  if (same) return;
  std::vector<Zone> used;
  for (const std::string& name : zones) {
    const Zone* known = find(name);
    used.push_back(known == nullptr ? Zone{} : *known);
    used.back().name = name;
  }
  zones_ = std::move(used);
}

Supply::Zone* Supply::find(std::string_view name) {
  const auto found = std::find_if(zones_.begin(), zones_.end(),
                                  [&](const Zone& zone) { return zone.name == name; });
  return found == zones_.end() ? nullptr : &*found;
}

uint32_t Supply::allowance(const Zone& zone, Time now) {
  if (zone.obstacle == Obstacle::none) return kNoLimit;
  if (now < zone.wait_until) return 0;
  if (zone.obstacle == Obstacle::capacity) return kNoLimit;
  const bool is_trying = zone.tried_at && now - *zone.tried_at < kTryTakes;
  return is_trying ? 0 : 1;
}

std::vector<Supply::Offer> Supply::offers(uint32_t count, Time now) const {
  std::vector<Offer> offers;
  for (const Zone& zone : zones_) {
    const uint32_t here = std::min(count, allowance(zone, now));
    if (here == 0) continue;
    offers.push_back({zone.name, here});
    count -= here;
  }
  return offers;
}

bool Supply::is_open(std::string_view zone, Time now) const {
  const auto found = std::find_if(zones_.begin(), zones_.end(),
                                  [&](const Zone& known) { return known.name == zone; });
  return found == zones_.end() || allowance(*found, now) > 0;
}

void Supply::on_asked(std::string_view zone, Time now) {
  Zone* asked = find(zone);
  if (asked != nullptr && asked->obstacle != Obstacle::none) asked->tried_at = now;
}

void Supply::on_failure(std::string_view zone, Obstacle obstacle, Time asked_at, Time now) {
  if (obstacle == Obstacle::none || obstacle == Obstacle::other) return;
  Zone* failed = find(zone);
  if (failed == nullptr) return;
  const bool backs_off = failed->obstacle == obstacle && now < failed->wait_until;
  if (backs_off) return;
  const bool is_another = failed->obstacle != obstacle;
  const bool is_older = !is_another && asked_at <= failed->last_failure;
  if (is_another) failed->failures = 0;
  if (!is_older) ++failed->failures;
  double seconds = kOperatorSeconds;
  if (obstacle == Obstacle::capacity) {
    const uint32_t doublings = std::min(failed->failures - 1, kMostDoublings);
    seconds = std::min(kMostShortageSeconds,
                       kFirstShortageSeconds * static_cast<double>(1U << doublings));
  }
  failed->obstacle = obstacle;
  failed->last_failure = now;
  failed->tried_at.reset();
  failed->wait_until =
      now + from_seconds(seconds * (1 - kShortageJitter + 2 * kShortageJitter * random_.unit()));
}

void Supply::on_success(std::string_view zone, Time asked_at) {
  Zone* open = find(zone);
  if (open == nullptr || open->obstacle == Obstacle::none || asked_at <= open->last_failure) return;
  Zone fresh;
  fresh.name = open->name;
  *open = fresh;
}

void Supply::try_now() {
  for (Zone& zone : zones_) {
    Zone fresh;
    fresh.name = zone.name;
    zone = fresh;
  }
}

bool Supply::is_short(const Zone& zone, Time now) {
  if (zone.obstacle == Obstacle::none) return false;
  if (now < zone.wait_until) return true;
  return zone.tried_at && now - *zone.tried_at < kTryTakes;
}

Obstacle Supply::shortage(Time now) const {
  Obstacle worst = Obstacle::none;
  for (const Zone& zone : zones_) {
    if (!is_short(zone, now)) return Obstacle::none;
    // What an operator can help with is said first.
    const bool needs_help = zone.obstacle == Obstacle::configuration ||
                            (zone.obstacle == Obstacle::quota && worst != Obstacle::configuration);
    if (worst == Obstacle::none || needs_help) worst = zone.obstacle;
  }
  return worst;
}

}  // namespace flaskscale::scaler
