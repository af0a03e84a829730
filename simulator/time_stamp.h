// Times as traces hold them.
#pragma once

#include <optional>
#include <string_view>

namespace flaskscale::simulator {

// A finite number, all of the text; none otherwise.
std::optional<double> parse_number(std::string_view text);

// "2014-04-10 00:04:00", "2014-04-10T00:04:00.250Z", "2014-04-10T02:04+02:00": seconds since
// 1970-01-01 UTC. Without an offset the time is UTC.
std::optional<double> parse_time_stamp(std::string_view text);

}  // namespace flaskscale::simulator
