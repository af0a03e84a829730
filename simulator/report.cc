#include "simulator/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace flaskscale::simulator {
namespace {

constexpr double kMinute = 60;
constexpr double kHour = 3600;
constexpr double kReportDay = 86400;

std::string line(const char* name, const std::string& value, const std::string& remark = "") {
  return fmt::format("  {:<18}{:>12}{}{}\n", name, value, remark.empty() ? "" : "   ", remark);
}

std::string fleet_line(const char* name, double hours, double price, const std::string& remark) {
  return fmt::format("  {:<18}{:>12.1f}{:>12.2f}   {}\n", name, hours, hours * price, remark);
}

std::string exact_percent(double share) {
  const double value = 100 * share;
  return value > 0 && value < 0.001 ? "< 0.001 %" : fmt::format("{:.3f} %", value);
}

// What one figure is beside another: "32 % less than …".
std::string beside(double value, double other) {
  if (!(other > 0)) return "";
  const double change = 100 * (value / other - 1);
  return fmt::format("{:.0f} % {}", std::abs(change), change <= 0 ? "less" : "more");
}

}  // namespace

std::string format_wait(double seconds) {
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
  return seconds < 9.95 ? fmt::format("{:.1f} s", seconds) : fmt::format("{:.0f} s", seconds);
}

std::string format_span(double seconds) {
  if (seconds >= 2 * kReportDay) return fmt::format("{:.3g} days", seconds / kReportDay);
  if (seconds >= 2 * kHour) return fmt::format("{:.3g} h", seconds / kHour);
  if (seconds >= 2 * kMinute) return fmt::format("{:.3g} min", seconds / kMinute);
  return fmt::format("{:.0f} s", seconds);
}

std::string format_count(double count) {
  if (count >= 9.995e8) return fmt::format("{:.3g} G", count / 1e9);
  if (count >= 9.995e5) return fmt::format("{:.3g} M", count / 1e6);
  if (count >= 1e4) return fmt::format("{:.3g} k", count / 1e3);
  return fmt::format("{:.0f}", count);
}

std::string to_text(const Report& report) {
  const SimulationResult& result = report.result;
  const Tally& tally = result.tally;
  std::string text =
      fmt::format("{}: pool '{}', {}, {} requests, {} slots x {} service time\n\n", report.trace,
                  report.pool, format_span(result.seconds), format_count(tally.requests),
                  report.slots, format_wait(report.service_seconds));
  text += line("late", exact_percent(report.late_share()),
               "waited longer than " + format_wait(report.slo_wait) + ", or dropped");
  text += line("dropped", exact_percent(report.dropped_share()), "refused, or waited in vain");
  text += line("wait p50", format_wait(tally.waits.quantile(0.50)));
  text += line("wait p99", format_wait(tally.waits.quantile(0.99)),
               "longest " + format_wait(tally.longest_wait));
  text += line("actions", std::to_string(result.actions),
               fmt::format("{} of them against the one before", result.reversals));
  text += line("instances", fmt::format("up to {}", result.peak),
               fmt::format("{} started, at most {} allowed", result.started, report.max));
  text += fmt::format("\n  {:<18}{:>12}{:>12}\n", "", "inst-hours", "cost");
  text += fleet_line("this pool", report.hours(), report.price, "");
  text +=
      fleet_line("fixed fleet", report.fixed_hours, report.price,
                 fmt::format("{} instances all the time, as the peak needs", report.fixed_size));
  text += fleet_line("optimum", report.clairvoyant_hours, report.price,
                     "the load known beforehand, nobody late");
  if (report.fixed_hours > 0 && report.clairvoyant_hours > 0) {
    text += fmt::format("\n  {} than the fixed fleet ({:.2f} {}), {:.2f} x the optimum\n",
                        beside(report.hours(), report.fixed_hours),
                        std::abs(report.fixed_hours - report.hours()) * report.price,
                        report.hours() <= report.fixed_hours ? "saved" : "lost",
                        report.hours() / report.clairvoyant_hours);
  }
  return text;
}

std::string to_json(const Report& report) {
  const SimulationResult& result = report.result;
  nlohmann::ordered_json json;
  json["pool"] = report.pool;
  json["seconds"] = result.seconds;
  json["requests"] = result.tally.requests;
  json["late_share"] = report.late_share();
  json["dropped_share"] = report.dropped_share();
  json["wait_p50_s"] = result.tally.waits.quantile(0.50);
  json["wait_p99_s"] = result.tally.waits.quantile(0.99);
  json["instance_hours"] = report.hours();
  json["fixed_instance_hours"] = report.fixed_hours;
  json["clairvoyant_instance_hours"] = report.clairvoyant_hours;
  json["cost"] = report.hours() * report.price;
  json["fixed_cost"] = report.fixed_hours * report.price;
  json["clairvoyant_cost"] = report.clairvoyant_hours * report.price;
  json["actions"] = result.actions;
  json["reversals"] = result.reversals;
  json["peak_instances"] = result.peak;
  json["fixed_instances"] = report.fixed_size;
  json["instances_started"] = result.started;
  json["instances_refused"] = result.refused;
  json["requests_killed"] = result.killed;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace flaskscale::simulator
