// A recorded load: requests per interval, or an access log.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "simulator/workload.h"

namespace flaskscale::simulator {

struct Trace {
  struct Row {
    double at = 0;        // seconds from the start
    double length = 0;    // of the interval
    double requests = 0;  // in it
  };

  WallTime begins{};          // the epoch where times are mere seconds
  bool has_calendar = false;  // times were dates
  double seconds = 0;         // a whole number
  std::vector<Row> rows;      // in order of time, without gaps between them; empty for a log
  std::vector<RecordedRequest>
      requests;  // of an access log, in order of time; service < 0: unknown
};

// CSV: a time (seconds, or an ISO time stamp) and the number of requests in the interval that
// begins there, separated by a comma, a semicolon or a tab; other columns are ignored; the first
// line may be a header. Equal times are summed. On a regular grid missing intervals are empty, else
// an interval lasts until the next.
// Or an access log as FlaskScale writes it (JSON lines, in any order): the requests of `pool`.
// `name` is for messages; an error names the line and says what to do.
Result<Trace> parse_trace(std::istream& input, const std::string& name, std::string_view pool);
Result<Trace> read_trace(const std::string& path, std::string_view pool);

// Straight lines between the middles of the intervals; intervals shorter than 5 s, or of different
// lengths, are flat.
LoadCurve curve_of(const Trace& trace);

// Per second, of the requests of a log.
LoadCurve curve_of(const std::vector<RecordedRequest>& requests, double seconds);

}  // namespace flaskscale::simulator
