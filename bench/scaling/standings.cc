#include "bench/scaling/standings.h"

#include <algorithm>
#include <functional>

namespace flaskscale::bench {
namespace {

using simulator::SimulationResult;
using Runs = std::vector<SimulationResult>;

std::vector<double> sorted(const Runs& runs,
                           const std::function<double(const SimulationResult&)>& read) {
  std::vector<double> values;
  for (const SimulationResult& run : runs) values.push_back(read(run));
  std::sort(values.begin(), values.end());
  return values;
}

double median(const Runs& runs, const std::function<double(const SimulationResult&)>& read) {
  const std::vector<double> values = sorted(runs, read);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

}  // namespace

Figures median_of(const Runs& runs, double clairvoyant_hours) {
  Figures figures;
  figures.late =
      median(runs, [](const auto& r) { return percent(r.tally.late, r.tally.requests); });
  figures.dropped =
      median(runs, [](const auto& r) { return percent(r.tally.dropped, r.tally.requests); });
  figures.wait_p99 = median(runs, [](const auto& r) { return r.tally.waits.quantile(0.99); });
  figures.hours = median(runs, [](const auto& r) { return r.instance_seconds / 3600; });
  figures.times_clairvoyant = clairvoyant_hours > 0 ? figures.hours / clairvoyant_hours : 0;
  figures.actions = median(runs, [](const auto& r) { return static_cast<double>(r.actions); });
  figures.reversals = median(runs, [](const auto& r) { return static_cast<double>(r.reversals); });
  figures.started = median(runs, [](const auto& r) { return static_cast<double>(r.started); });
  figures.peak = median(runs, [](const auto& r) { return static_cast<double>(r.peak); });
  figures.killed = sorted(runs, [](const auto& r) { return static_cast<double>(r.killed); }).back();
  figures.idle_slot = sorted(runs, [](const auto& r) { return r.idle_slot_while_queued; }).back();
  return figures;
}

}  // namespace flaskscale::bench
