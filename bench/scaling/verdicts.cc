#include "bench/scaling/verdicts.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace flaskscale::bench {
namespace {

constexpr double kDial = 0.95;
// What medians over a few seeds can't tell apart.
constexpr double kSameLate = 0.005;  // percentage points
constexpr double kSameHoursShare = 0.002;

using Group = std::vector<const Standing*>;

bool is_less_late(const Figures& a, const Figures& b) { return a.late < b.late - kSameLate; }
bool is_cheaper(const Figures& a, const Figures& b) {
  return a.hours < b.hours * (1 - kSameHoursShare);
}

bool is_reference(const Standing& standing) {
  return !standing.contestant->ours && standing.contestant->name != "fixed";
}

struct Goal {
  std::string text;
  bool met = false;
};

// The figures that the law is to reach on this load.
std::vector<Goal> goals_of(const Standing& ours, const Group& group) {
  const Figures& f = ours.figures;
  const bool fifo = ours.order == balancer::QueueOrder::fifo;
  std::vector<Goal> goals;
  if (ours.load->name == "nab") {
    const double late = fifo ? 0.3 : 0.07;
    goals.push_back({fmt::format("late {:.3f} % <= {} %", f.late, late), f.late <= late});
    goals.push_back(
        {fmt::format("{:.3f} x <= 1.75 x", f.times_clairvoyant), f.times_clairvoyant <= 1.75});
  }
  if (ours.load->name == "wc98") {
    goals.push_back({fmt::format("late {:.4f} % = 0", f.late), f.late < 5e-4});
    goals.push_back(
        {fmt::format("{:.3f} x <= 1.15 x", f.times_clairvoyant), f.times_clairvoyant < 1.155});
  }
  const bool against_knative =
      ours.load->name == "step" || ours.load->name == "ramp" || ours.load->name == "spike";
  for (const Standing* other : group) {
    if (!against_knative || other->contestant->name != "kpa") continue;
    goals.push_back({fmt::format("late {:.3f} % < {:.3f} % of {}", f.late, other->figures.late,
                                 other->contestant->title),
                     f.late < other->figures.late});
    goals.push_back({fmt::format("{:.1f} h < {:.1f} h of {}", f.hours, other->figures.hours,
                                 other->contestant->title),
                     f.hours < other->figures.hours});
  }
  return goals;
}

std::string frontier_of(Group group) {
  std::sort(group.begin(), group.end(), [](const Standing* a, const Standing* b) {
    return a->figures.hours < b->figures.hours;
  });
  std::string text =
      "    frontier, cheapest first (* nobody else is both cheaper and less late):\n";
  for (const Standing* one : group) {
    const bool beaten = std::any_of(group.begin(), group.end(), [&](const Standing* other) {
      return is_less_late(other->figures, one->figures) && is_cheaper(other->figures, one->figures);
    });
    text += fmt::format("    {} {:>8.1f} h {:>9.3f} % late  {}\n", beaten ? ' ' : '*',
                        one->figures.hours, one->figures.late, one->contestant->title);
  }
  return text;
}

std::string verdict_of(const Standing& ours, const Group& group) {
  std::string text = fmt::format("{:<17} {:<8} ", ours.load->title, to_string(ours.order));
  std::string worse;
  for (const Standing* other : group) {
    if (!is_reference(*other)) continue;
    if (!is_less_late(other->figures, ours.figures) || !is_cheaper(other->figures, ours.figures)) {
      continue;
    }
    worse += (worse.empty() ? "" : ", ") + other->contestant->title;
  }
  text += worse.empty() ? "nobody is better on both" : "BETTER ON BOTH: " + worse;
  bool all_met = worse.empty();
  for (const Goal& goal : goals_of(ours, group)) {
    text += (goal.met ? "; " : "; MISSED: ") + goal.text;
    all_met = all_met && goal.met;
  }
  text += "\n";
  return all_met ? text : text + frontier_of(group);
}

}  // namespace

std::string to_string(balancer::QueueOrder order) {
  return order == balancer::QueueOrder::fifo ? "fifo" : "adaptive";
}

std::string verdicts_of(const std::vector<Standing>& standings) {
  std::string text;
  for (const Standing& ours : standings) {
    if (!ours.contestant->ours || ours.contestant->availability != kDial) continue;
    Group group;
    for (const Standing& other : standings) {
      if (other.load == ours.load && other.order == ours.order) group.push_back(&other);
    }
    text += verdict_of(ours, group);
  }
  return text.empty() ? text : fmt::format("\nVerdicts at availability {}:\n", kDial) + text;
}

}  // namespace flaskscale::bench
