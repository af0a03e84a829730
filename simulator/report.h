// What a simulation has shown, for people and for programs.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "simulator/simulation.h"

namespace flaskscale::simulator {

struct Report {
  std::string pool;
  std::string trace;  // as it was named
  SimulationResult result;
  WallTime begins{};
  bool has_calendar = false;     // `begins` is a real time
  double slo_wait = 0.5;         // seconds
  double service_seconds = 0.2;  // mean
  uint32_t slots = 1;            // per instance
  uint32_t min = 0;
  uint32_t max = 1;
  double price = 0;  // of an instance-hour
  // A fixed fleet that the peak of the load would have needed, and the clairvoyant optimum.
  uint32_t fixed_size = 0;
  double fixed_hours = 0;
  double clairvoyant_hours = 0;

  double late_share() const { return share(result.tally.late); }
  double dropped_share() const { return share(result.tally.dropped); }
  double hours() const { return result.instance_seconds / 3600; }
  double requests_per_second() const { return slots / service_seconds; }  // of one instance

 private:
  double share(double part) const {
    return result.tally.requests > 0 ? part / result.tally.requests : 0;
  }
};

// A summary of some lines, for a terminal.
std::string to_text(const Report& report);
// One object, in one line.
std::string to_json(const Report& report);
// A self-contained page that shows the run over time. The result must hold a timeline.
std::string to_html(const Report& report);

// "1.2 s", "340 ms", "0 ms".
std::string format_wait(double seconds);
// "14 days", "36.5 h", "12 min", "45 s".
std::string format_span(double seconds);
// "1.2 M", "34 k", "120".
std::string format_count(double count);

}  // namespace flaskscale::simulator
