#include "bench/scaling/table.h"

#include <fmt/format.h>

namespace flaskscale::bench {

std::string table_head() {
  return fmt::format("{:<17} {:<26} {:<8} {:>8} {:>8} {:>7} {:>7} {:>6} {:>7} {:>6} {:>7} {:>5}\n",
                     "load", "law", "queue", "late %", "drop %", "p99 s", "inst-h", "x", "actions",
                     "turns", "started", "max");
}

std::string table_row(const std::string& load, const std::string& law, const std::string& queue,
                      const Figures& f) {
  std::string row = fmt::format(
      "{:<17} {:<26} {:<8} {:>8.3f} {:>8.3f} {:>7} {:>7.1f} {:>6.2f} {:>7.0f} {:>6.0f} {:>7.0f} "
      "{:>5.0f}",
      load, law, queue, f.late, f.dropped,
      f.wait_p99 > 30 ? ">30" : fmt::format("{:.2f}", f.wait_p99), f.hours, f.times_clairvoyant,
      f.actions, f.reversals, f.started, f.peak);
  if (f.killed > 0) row += fmt::format("  !killed {:.0f}", f.killed);
  if (f.idle_slot > 0) row += fmt::format("  !idle slot {:.2f} s", f.idle_slot);
  return row + "\n";
}

}  // namespace flaskscale::bench
