// How long simulated boots take, from the create call to the first good health check.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"

namespace flaskscale::simulator {

class BootTimeModel {
 public:
  // Seconds.
  static BootTimeModel fixed(double seconds);
  static BootTimeModel uniform(double from, double to);
  // sigma: of the logarithm.
  static BootTimeModel lognormal(double median, double sigma);
  // Each boot takes one of these, drawn with equal chances. Not empty.
  static BootTimeModel recorded(std::vector<double> seconds);

  // "75s", "40s..80s", "lognormal:60s,0.3" (median and sigma), "file:PATH" (one duration a line: a
  // number of seconds, or with a unit; empty lines and those that begin with # are skipped). Reads
  // the file. An error says what is wrong and where.
  static Result<BootTimeModel> parse(std::string_view text);

  double sample(Random& random) const;
  double mean() const { return mean_; }

 private:
  enum class Kind : unsigned char { fixed, uniform, lognormal, recorded };

  BootTimeModel() = default;
  static Result<BootTimeModel> read_file(const std::string& path);

  Kind kind_ = Kind::fixed;
  double first_ = 0;   // fixed: the time; uniform: from; lognormal: the median's logarithm
  double second_ = 0;  // uniform: to; lognormal: sigma
  double mean_ = 0;
  std::vector<double> recorded_;
};

}  // namespace flaskscale::simulator
