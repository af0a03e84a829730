#include "scaler/decision_text.h"

#include <fmt/format.h>

#include <cmath>

namespace flaskscale::scaler {
namespace {

std::string instances(uint32_t n) { return fmt::format("{} instance{}", n, n == 1 ? "" : "s"); }

// A clause, to follow a verb: "… because <this>".
std::string cause(std::string_view reason, const LawOutput& out) {
  if (reason == "load") {
    return fmt::format("{:.2f} slots of work arrive, {:.2f} with headroom", out.offered_load,
                       out.slots);
  }
  if (reason == "backlog") {
    return fmt::format("{:.0f} requests would wait one boot time from now", out.backlog);
  }
  if (reason == "schedule") {
    return fmt::format("the schedule asks for at least {} one boot time from now",
                       out.schedule_floor);
  }
  if (reason == "below_min") return "the pool is below its minimum";
  if (reason == "first_request") return "requests wait and nothing serves them";
  if (reason == "above_max") return "the pool is above its maximum";
  if (reason == "surplus") {
    return fmt::format("the recent load needs only {}", out.keep);
  }
  if (reason == "idle") return "no request has come for the idle time";
  return {};
}

// Why more instances can't be had; empty for other reasons.
std::string_view shortage_text(std::string_view reason) {
  if (reason == "stockout") {
    return "the cloud has no such machine free in any of the zones; it is asked again by and by";
  }
  if (reason == "quota") {
    return "the account's quota is used up; ask the provider for more, or lower the maximum";
  }
  if (reason == "configuration") {
    return "the provider refuses: a permission, an image or a group is wrong; see the last error";
  }
  return {};
}

// Why what is too much is kept; empty for other reasons.
std::string surplus_text(std::string_view reason, const LawOutput& out) {
  if (reason == "recent_need") {
    return fmt::format("{} were needed within the scale-in window", out.keep);
  }
  if (reason == "schedule") {
    return fmt::format("the schedule asks for at least {}", out.schedule_floor);
  }
  if (reason == "requests_wait") return "requests wait";
  if (reason == "just_started") return "the scaler has not watched for a scale-in window yet";
  if (reason == "scale_in_interval") return "the last scale-in was moments ago";
  if (reason == "front_door_silent") return "a front door is not heard";
  if (reason == "front_door_was_silent") return "a front door was not heard a moment ago";
  if (reason == "list_failed") return "the provider's list is not readable";
  if (reason == "scale_out_only") return "the mode is scale_out_only";
  if (reason == "deploy") return "a new version is replacing the old one";
  if (reason == "no_candidate") return "none can be given up now";
  return {};
}

std::string hold_text(std::string_view reason, const LawOutput& out, const Done& done) {
  if (reason == "enough") return fmt::format("{} planned, as needed.", instances(out.planned));
  if (reason == "at_max") return fmt::format("At the maximum of {}.", instances(out.target));
  if (reason == "growth_limit") {
    return fmt::format("{} needed, but growth within one boot time is limited to {}.", out.need,
                       out.growth_limit);
  }
  if (reason == "futile") {
    return fmt::format(
        "{} planned, {} needed, but the last ones added answered no more requests: something "
        "behind the instances is the bottleneck.",
        out.planned, out.need);
  }
  if (reason == "boot_backoff") {
    return fmt::format("{} wanted, held back after failed boots.", instances(done.held_back));
  }
  if (const std::string_view shortage = shortage_text(reason); !shortage.empty()) {
    return fmt::format("{} planned, {} needed: {}.", out.planned, out.need, shortage);
  }
  if (const std::string why = surplus_text(reason, out); !why.empty()) {
    return fmt::format("{} planned, {} needed; kept because {}.", out.planned, out.need, why);
  }
  return fmt::format("{} planned, {} needed.", out.planned, out.need);
}

// "taking back 1 that drained, starting 2 from standby, creating 3".
std::string gains(const Done& done) {
  std::string text;
  const auto add = [&](uint32_t count, const std::string& part) {
    if (count == 0) return;
    if (!text.empty()) text += ", ";
    text += part;
  };
  add(done.undrained, fmt::format("taking back {} that drained", instances(done.undrained)));
  add(done.started, fmt::format("starting {} from standby", instances(done.started)));
  add(done.created, fmt::format("starting {}", instances(done.created)));
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  return text;
}

std::string replace_text(std::string_view reason, const Done& done) {
  if (reason != "rollout") return fmt::format("{} in place of {}.", gains(done), done.loss);
  const uint32_t added = done.created + done.started;
  if (done.drained == 0) return fmt::format("Starting {} of the new version.", instances(added));
  if (added == 0) {
    return fmt::format("Draining {} of the old version: new ones serve.", instances(done.drained));
  }
  return fmt::format("Draining {} of the old version and starting {} of the new one.",
                     instances(done.drained), added);
}

}  // namespace

std::vector<std::pair<std::string, double>> decision_inputs(const LawOutput& out,
                                                            const LawSignals& signals) {
  std::vector<std::pair<std::string, double>> inputs = {
      {"arrival_rate", out.arrival_rate},
      {"forecast_rate", out.forecast.rate},
      {"service_time_seconds", out.service_time},
      {"offered_load", out.offered_load},
      {"mean_in_flight", out.mean_in_flight},
      {"headroom", out.forecast.headroom},
      {"slots_needed", out.slots},
      {"slots_per_instance", signals.settings.slots_per_instance},
      {"in_flight", static_cast<double>(signals.load.in_flight)},
      {"queued", out.queued},
      {"oldest_wait_seconds", signals.load.oldest_wait_seconds},
      {"backlog", out.backlog},
      {"ready", signals.ready},
      {"booting", static_cast<double>(signals.boots.size())},
      {"overdue", out.overdue},
      {"flow_need", out.flow_need},
      {"backlog_need", out.backlog_need},
      {"schedule_floor", out.schedule_floor},
      {"keep", out.keep},
      {"boot_seconds", out.boot_seconds},
      {"coverage", signals.load.coverage},
  };
  for (auto& [name, value] : inputs) {
    if (!std::isfinite(value)) value = 0;
  }
  return inputs;
}

std::string decision_formula(const LawOutput& out, const LawSettings& settings) {
  const double a = out.offered_load;
  const double c = settings.slots_per_instance;
  std::string backlog = "backlog 0";
  if (out.backlog_need > 0) {
    backlog = fmt::format("backlog ceil(({:.2f}*{:.3f} + {:.0f}*{:.3f}/{:g})/{:g})={}",
                          out.arrival_rate, out.service_time, out.backlog, out.service_time,
                          settings.drain_target, c, out.backlog_need);
  }
  const std::string flow =
      out.idle ? "flow 0 (idle)"
               : fmt::format(
                     "flow ceil(max({:.2f}*{:.2f}, {:.2f}+{:g}*sqrt({:.2f}))/{:g})={} "
                     "(F {:.1f}/s by {})",
                     a, out.forecast.headroom, a, settings.beta, a, c, out.flow_need,
                     out.forecast.rate, to_string(out.forecast.by));
  const std::string schedule =
      out.schedule_floor == 0 ? "" : fmt::format("schedule {}; ", out.schedule_floor);
  return fmt::format("{}; {}; {}need clamp(max, {}, {})={}; keep {}", flow, backlog, schedule,
                     settings.min, settings.max, out.need, out.keep);
}

std::string decision_sentence(Action action, std::string_view reason, const LawOutput& out,
                              const Done& done) {
  switch (action) {
    case Action::scale_out:
    case Action::undrain:
      return fmt::format("{}: {}.", gains(done), cause(reason, out));
    case Action::replace:
      return replace_text(reason, done);
    case Action::scale_in:
      return fmt::format("Draining {}: {}.", instances(done.drained), cause(reason, out));
    case Action::hold:
      return hold_text(reason, out, done);
    case Action::observe:
      if (out.move == Move::out) {
        return fmt::format("Would start {}: {}.", instances(out.target - out.planned),
                           cause(reason, out));
      }
      if (out.move == Move::in) {
        return fmt::format("Would drain {}: {}.", instances(out.planned - out.target),
                           cause(reason, out));
      }
      return hold_text(reason, out, done);
  }
  return {};
}

}  // namespace flaskscale::scaler
