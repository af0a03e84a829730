#include "simulator/boot_time_model.h"

#include <charconv>
#include <cmath>
#include <fstream>
#include <numeric>
#include <optional>
#include <utility>

#include "base/text.h"
#include "simulator/sampling.h"

namespace flaskscale::simulator {
namespace {

constexpr double kLongestBoot = 86400;
constexpr double kLargestSigma = 5;

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Error bad(std::string detail) {
  return make_error(ErrorCode::invalid_argument, "boot time " + std::move(detail));
}

Result<double> seconds_of(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration) return bad("'" + std::string(text) + "': " + duration.error().detail);
  const double seconds = to_seconds(*duration);
  if (seconds > kLongestBoot) return bad("'" + std::string(text) + "' is longer than a day");
  return seconds;
}

}  // namespace

BootTimeModel BootTimeModel::fixed(double seconds) {
  BootTimeModel model;
  model.first_ = model.mean_ = seconds;
  return model;
}

BootTimeModel BootTimeModel::uniform(double from, double to) {
  BootTimeModel model;
  model.kind_ = Kind::uniform;
  model.first_ = from;
  model.second_ = to;
  model.mean_ = (from + to) / 2;
  return model;
}

BootTimeModel BootTimeModel::lognormal(double median, double sigma) {
  BootTimeModel model;
  model.kind_ = Kind::lognormal;
  model.first_ = std::log(median);
  model.second_ = sigma;
  model.mean_ = median * std::exp(sigma * sigma / 2);
  return model;
}

BootTimeModel BootTimeModel::recorded(std::vector<double> seconds) {
  BootTimeModel model;
  model.kind_ = Kind::recorded;
  model.mean_ =
      std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  model.recorded_ = std::move(seconds);
  return model;
}

Result<BootTimeModel> BootTimeModel::read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return bad("file '" + path + "' can't be read");
  std::vector<double> seconds;
  std::string line;
  for (size_t row = 1; std::getline(file, line); ++row) {
    const std::string_view text = without_blanks(line);
    if (text.empty() || text.front() == '#') continue;
    std::optional<double> value = number(text);
    if (!value) {
      if (const auto duration = parse_duration(text)) value = to_seconds(*duration);
    }
    if (!value || *value < 0 || *value > kLongestBoot) {
      return bad("file " + path + ":" + std::to_string(row) + ": '" + std::string(text) +
                 "' is no duration within a day (write 52.5 or 52500ms)");
    }
    seconds.push_back(*value);
  }
  if (seconds.empty()) return bad("file '" + path + "' holds no duration");
  return recorded(std::move(seconds));
}

Result<BootTimeModel> BootTimeModel::parse(std::string_view text) {
  if (text.starts_with("file:")) return read_file(std::string(text.substr(5)));
  if (text.starts_with("lognormal:")) {
    const std::string_view values = text.substr(10);
    const auto comma = values.find(',');
    if (comma == std::string_view::npos) {
      return bad("'" + std::string(text) + "': write the median and sigma: lognormal:60s,0.3");
    }
    const auto median = seconds_of(without_blanks(values.substr(0, comma)));
    if (!median) return median.error();
    const auto sigma = number(without_blanks(values.substr(comma + 1)));
    if (!sigma || *sigma < 0 || *sigma > kLargestSigma || *median <= 0) {
      return bad("'" + std::string(text) +
                 "': the median must be above 0 and sigma within 0 and 5");
    }
    return lognormal(*median, *sigma);
  }
  if (const auto dots = text.find(".."); dots != std::string_view::npos) {
    const auto from = seconds_of(without_blanks(text.substr(0, dots)));
    if (!from) return from.error();
    const auto to = seconds_of(without_blanks(text.substr(dots + 2)));
    if (!to) return to.error();
    if (*from > *to)
      return bad("'" + std::string(text) + "': the first must not be the longer one");
    return uniform(*from, *to);
  }
  const auto seconds = seconds_of(text);
  if (!seconds) return seconds.error();
  return fixed(*seconds);
}

double BootTimeModel::sample(Random& random) const {
  switch (kind_) {
    case Kind::fixed:
      return first_;
    case Kind::uniform:
      return first_ + (second_ - first_) * random.unit();
    case Kind::lognormal:
      return std::min(kLongestBoot, std::exp(first_ + second_ * standard_normal(random)));
    case Kind::recorded:
      return recorded_[random.below(static_cast<uint32_t>(recorded_.size()))];
  }
  return first_;
}

}  // namespace flaskscale::simulator
