// `./dev bench scaling`: replays loads against our law and others, on the same simulated plant.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu_count.h"
#include "bench/scaling/contestants.h"
#include "bench/scaling/loads.h"
#include "bench/scaling/standings.h"
#include "bench/scaling/table.h"
#include "bench/scaling/verdicts.h"

namespace {

using namespace flaskscale;         // NOLINT(google-build-using-namespace): a program, not a header
using namespace flaskscale::bench;  // NOLINT(google-build-using-namespace)

struct Arguments {
  std::string traces = "../shared/traces";
  std::vector<std::string> loads;
  std::vector<std::string> laws;
  std::vector<std::string> queues;
  unsigned seeds = 5;
  unsigned threads = 0;
  bool quick = false;
};

struct Row {
  Standing standing;
  std::vector<simulator::SimulationResult> runs;
};

bool chosen(const std::vector<std::string>& among, const std::string& name) {
  return among.empty() || std::find(among.begin(), among.end(), name) != among.end();
}

std::vector<Load> choose_loads(const Arguments& arguments) {
  std::vector<Load> loads;
  for (auto load : {nab_load(arguments.traces), worldcup_load(arguments.traces)}) {
    if (load) {
      loads.push_back(*std::move(load));
    } else {
      std::printf("SKIPPED: %s\n", load.error().detail.c_str());
    }
  }
  for (Load& load : synthetic_loads()) loads.push_back(std::move(load));
  std::erase_if(loads, [&](const Load& load) { return !chosen(arguments.loads, load.name); });
  return loads;
}

// Every run is independent of the others, and its seed decides it.
void run_all(std::vector<Row>& rows, unsigned seeds, unsigned threads) {
  std::atomic<size_t> next{0};
  const size_t jobs = rows.size() * seeds;
  const auto work = [&] {
    for (size_t job = next++; job < jobs; job = next++) {
      Row& row = rows[job / seeds];
      const size_t seed = job % seeds;
      const Load& load = *row.standing.load;
      const Contestant& contestant = *row.standing.contestant;
      row.runs[seed] =
          simulator::simulate(settings_for(load, contestant, row.standing.order, seed + 1),
                              load.workload, contestant.driver(load));
    }
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

std::vector<Standing> compare(const Load& load, const std::vector<Contestant>& contestants,
                              const Arguments& arguments) {
  std::vector<Row> rows;
  for (const auto order : {balancer::QueueOrder::fifo, balancer::QueueOrder::adaptive}) {
    if (!chosen(arguments.queues, to_string(order))) continue;
    for (const Contestant& contestant : contestants) {
      if (!chosen(arguments.laws, contestant.name)) continue;
      rows.push_back({{&load, &contestant, order, {}},
                      std::vector<simulator::SimulationResult>(arguments.seeds)});
    }
  }
  run_all(rows, arguments.seeds, arguments.threads);
  Figures ideal;
  ideal.hours = clairvoyant_of(load).instance_seconds() / 3600;
  ideal.times_clairvoyant = 1;
  std::fputs(table_head().c_str(), stdout);
  std::fputs(table_row(load.title, "clairvoyant", "", ideal).c_str(), stdout);
  std::vector<Standing> standings;
  for (Row& row : rows) {
    row.standing.figures = median_of(row.runs, ideal.hours);
    std::fputs(table_row(load.title, row.standing.contestant->title, to_string(row.standing.order),
                         row.standing.figures)
                   .c_str(),
               stdout);
    standings.push_back(row.standing);
  }
  std::fflush(stdout);
  return standings;
}

int compare_all(const Arguments& arguments) {
  const std::vector<Load> loads = choose_loads(arguments);
  const std::vector<Contestant> all = contestants();
  std::vector<Standing> standings;
  for (const Load& load : loads) {
    for (const Standing& standing : compare(load, all, arguments)) standings.push_back(standing);
  }
  std::fputs(verdicts_of(standings).c_str(), stdout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Compares scaling laws on the same simulated plant.");
  Arguments arguments;
  app.add_option("--traces", arguments.traces, "folder of the traces")->capture_default_str();
  app.add_option("--load", arguments.loads, "only these loads");
  app.add_option("--law", arguments.laws, "only these laws");
  app.add_option("--queue", arguments.queues, "only fifo or adaptive");
  app.add_option("--seeds", arguments.seeds, "runs of each")->capture_default_str();
  app.add_option("--threads", arguments.threads, "default: all CPUs");
  app.add_flag("--quick", arguments.quick, "one seed");
  CLI11_PARSE(app, argc, argv);
  if (arguments.quick) arguments.seeds = 1;
  if (arguments.threads == 0) arguments.threads = flaskscale::usable_cpus();
  spdlog::set_level(spdlog::level::off);
  return compare_all(arguments);
}
