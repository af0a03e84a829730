// What became of the requests of a simulation.
#pragma once

#include "simulator/wait_histogram.h"

namespace flaskscale::simulator {

// Numbers of requests; fractions are expected numbers. A dropped request is late as well.
struct Tally {
  double requests = 0;
  double late = 0;     // waited longer than the objective, or dropped
  double dropped = 0;  // refused, timed out in the queue, or lost with their instance
  double lost_with_instance = 0;
  double waiting_seconds = 0;  // integral of the queue's length
  double longest_wait = 0;     // seconds
  WaitHistogram waits;

  void count(double wait_seconds, double slo_wait, bool was_dropped) {
    requests += 1;
    waits.add(wait_seconds, 1);
    if (wait_seconds > longest_wait) longest_wait = wait_seconds;
    if (was_dropped) dropped += 1;
    if (was_dropped || wait_seconds > slo_wait) late += 1;
  }
};

}  // namespace flaskscale::simulator
