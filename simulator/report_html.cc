// The page of a report: what it shows, as the data of its script.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "simulator/clairvoyant.h"
#include "simulator/report.h"
#include "simulator/report_page.h"

namespace flaskscale::simulator {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kHardlyAny = 1e-3;  // a late share that is well
constexpr double kTooMany = 1e-2;

// Four digits show as much as a screen can.
double shortened(double value) {
  if (!(std::abs(value) > 1e-9)) return 0;
  const double unit = std::pow(10, std::floor(std::log10(std::abs(value))) - 3);
  // Of powers of ten below one the multiples are not exact; their inverses are.
  return unit < 1 ? std::round(value / unit) / std::round(1 / unit)
                  : std::round(value / unit) * unit;
}

std::string percent(double share) {
  if (share == 0) return "0 %";
  return share < 1e-5 ? "< 0.001 %" : fmt::format("{:.3g} %", 100 * share);
}

Json points_of(const Report& report) {
  const ClairvoyantSettings clairvoyant{report.requests_per_second(), 0, report.min, report.max};
  const double per_slot = 1 / report.service_seconds;  // requests/s
  Json json = {{"at", Json::array()},    {"length", Json::array()},    {"requests", Json::array()},
               {"load", Json::array()},  {"load_peak", Json::array()}, {"capacity", Json::array()},
               {"short", Json::array()}, {"wanted", Json::array()},    {"optimum", Json::array()},
               {"ready", Json::array()}, {"booting", Json::array()},   {"ending", Json::array()},
               {"wait", Json::array()},  {"late", Json::array()},      {"dropped", Json::array()}};
  for (const Timeline::Point& point : report.result.timeline.points()) {
    json["at"].push_back(point.from);
    json["length"].push_back(point.length);
    const auto put = [&](const char* name, double value) {
      json[name].push_back(shortened(value));
    };
    put("requests", point.mean.requests);
    put("load", point.mean.load * per_slot);
    put("load_peak", point.load_peak * per_slot);
    put("capacity", point.mean.slots * per_slot);
    put("short", point.short_peak * per_slot);
    put("wanted", point.wanted_peak);
    put("optimum", wait_free_need(point.mean.load * per_slot, clairvoyant));
    put("ready", point.mean.ready);
    put("booting", point.mean.booting);
    put("ending", point.mean.ending);
    put("wait", point.wait_peak);
    put("late", point.mean.late);
    put("dropped", point.mean.dropped);
  }
  return json;
}

const char* mood(double share) {
  return share <= kHardlyAny ? "good" : share >= kTooMany ? "bad" : "";
}

Json tiles_of(const Report& report) {
  const Tally& tally = report.result.tally;
  Json tiles = Json::array();
  tiles.push_back({percent(report.late_share()),
                   "late: waited over " + format_wait(report.slo_wait) + " or dropped",
                   mood(report.late_share())});
  tiles.push_back({percent(report.dropped_share()), "dropped", mood(report.dropped_share())});
  tiles.push_back({format_wait(tally.waits.quantile(0.99)),
                   "wait, 99 of 100 (half: " + format_wait(tally.waits.quantile(0.5)) + ")", ""});
  tiles.push_back({fmt::format("{:.1f}", report.hours()), "instance-hours", ""});
  tiles.push_back({fmt::format("{:.2f}", report.hours() * report.price), "cost", ""});
  if (report.fixed_hours > 0) {
    const double saved = 1 - report.hours() / report.fixed_hours;
    tiles.push_back({fmt::format("{:.0f} %", 100 * std::abs(saved)),
                     std::string(saved >= 0 ? "saved" : "more") + " against a fixed fleet of " +
                         std::to_string(report.fixed_size),
                     saved >= 0 ? "good" : "bad"});
  }
  tiles.push_back({std::to_string(report.result.peak), "instances at most", ""});
  return tiles;
}

Json cost_of(const char* name, const char* colour, double hours, const Report& report,
             const std::string& remark) {
  return {{"name", name},
          {"colour", colour},
          {"hours", hours},
          {"value", fmt::format("{:.2f}", hours * report.price)},
          {"remark",
           fmt::format("{:.1f} instance-hours{}{}", hours, remark.empty() ? "" : ", ", remark)}};
}

Json costs_of(const Report& report) {
  const double best = report.clairvoyant_hours;
  Json costs = Json::array();
  costs.push_back(cost_of("fixed fleet", "fixed", report.fixed_hours, report,
                          fmt::format("{} instances all the time", report.fixed_size)));
  costs.push_back(cost_of(
      "FlaskScale", "ready", report.hours(), report,
      best > 0 ? fmt::format("{:.2f} times the optimum", report.hours() / best) : std::string()));
  costs.push_back(cost_of("optimum", "optimum", best, report, "the load known beforehand"));
  return costs;
}

// Safe within a script element.
std::string script_safe(std::string text) {
  for (size_t at = 0; (at = text.find('<', at)) != std::string::npos; at += 6) {
    text.replace(at, 1, "\\u003c");
  }
  return text;
}

std::string file_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

}  // namespace

std::string to_html(const Report& report) {
  const SimulationResult& result = report.result;
  Json data;
  data["title"] = file_name(report.trace) + ", pool " + report.pool;
  data["about"] = fmt::format(
      "{} · {} requests · {} slots x {} service time · {} to {} instances · {} started, {} "
      "actions, "
      "{} turns",
      format_span(result.seconds), format_count(result.tally.requests), report.slots,
      format_wait(report.service_seconds), report.min, report.max, result.started, result.actions,
      result.reversals);
  data["seconds"] = result.seconds;
  data["begins"] = report.has_calendar ? Json(report.begins.time_since_epoch().count()) : Json();
  data["slo_wait"] = report.slo_wait;
  data["tiles"] = tiles_of(report);
  data["costs"] = costs_of(report);
  data["points"] = points_of(report);
  const std::string json = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>FlaskScale simulation</title>\n";
  page += kReportPageStyle;
  page += "<script>\nconst data = " + script_safe(json) + ";\n</script>\n";
  page += kReportPageScript;
  return page;
}

}  // namespace flaskscale::simulator
