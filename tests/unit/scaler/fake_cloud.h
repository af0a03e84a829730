// A cloud in memory with zones, obstacles, versions, stopped machines and lost replies.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scaler/provider.h"
#include "tests/unit/scaler/fakes.h"

namespace flaskscale::scaler {

class FakeCloud : public Provider {
 public:
  struct Machine {
    InstanceReport report;
    Time answers_at{};  // when it runs
    Time made_at{};
  };

  Abilities abilities() const override { return able; }

  Result<void> create(const InstanceCall& call) override {
    if (auto refused = begin("create", call); !refused) return refused;
    if (const auto found = refusals.find(call.zone); found != refusals.end()) {
      return make_error(found->second, "refused in " + call.zone);
    }
    for (const std::string& name : call.names) {
      if (machines.contains(name)) continue;
      ever.insert(name);
      Machine& machine = machines[name];
      machine.report.name = name;
      machine.report.zone = call.zone;
      machine.report.version = version;
      machine.made_at = now;
      turn_on(machine);
    }
    return end("create", call);
  }

  Result<std::vector<InstanceReport>> list() override {
    if (list_fails) return make_error(ErrorCode::unavailable, "the cloud is down");
    std::vector<InstanceReport> reports;
    for (auto& [name, machine] : machines) {
      machine.report.outdated = machine.report.version != version;
      const bool is_listed = !hidden.contains(name) && now - machine.made_at >= listed_after;
      if (is_listed) reports.push_back(machine.report);
    }
    return reports;
  }

  Result<void> remove(const InstanceCall& call) override {
    if (auto refused = begin("remove", call); !refused) return refused;
    for (const std::string& name : call.names) {
      const auto found = machines.find(name);
      if (found == machines.end()) continue;
      on_end(found->second.report);
      machines.erase(found);
    }
    return end("remove", call);
  }

  Result<void> stop(const InstanceCall& call) override {
    if (auto refused = begin("stop", call); !refused) return refused;
    for (const std::string& name : call.names) {
      const auto found = machines.find(name);
      if (found == machines.end()) continue;
      on_end(found->second.report);
      found->second.report.stopped = true;
      found->second.report.running = false;
    }
    return end("stop", call);
  }

  Result<void> start(const InstanceCall& call) override {
    if (auto refused = begin("start", call); !refused) return refused;
    if (const auto found = refusals.find(call.zone); found != refusals.end()) {
      return make_error(found->second, "refused in " + call.zone);
    }
    for (const std::string& name : call.names) {
      const auto found = machines.find(name);
      if (found != machines.end() && found->second.report.stopped) turn_on(found->second);
    }
    return end("start", call);
  }

  // Those that run and have booted answer their health checks.
  void serve(FakeMembership& membership) {
    for (auto& [name, machine] : machines) {
      const auto member = membership.members.find(machine.report.address);
      if (member == membership.members.end()) continue;
      const bool answers = machine.report.running && now >= machine.answers_at && !broken(machine);
      MemberReport& report = member->second.report;
      report.up = report.serving = answers;
      report.admitted = report.admitted || answers;
    }
  }
  bool broken(const Machine& machine) const {
    return broken_versions.contains(machine.report.version);
  }

  size_t count(const std::string& what) const {
    return static_cast<size_t>(std::count_if(calls.begin(), calls.end(),
                                             [&](const auto& call) { return call.first == what; }));
  }
  size_t running() const {
    return static_cast<size_t>(std::count_if(
        machines.begin(), machines.end(), [](const auto& m) { return m.second.report.running; }));
  }
  size_t stopped() const {
    return static_cast<size_t>(std::count_if(
        machines.begin(), machines.end(), [](const auto& m) { return m.second.report.stopped; }));
  }
  size_t in_zone(const std::string& zone) const {
    return static_cast<size_t>(std::count_if(machines.begin(), machines.end(), [&](const auto& m) {
      return m.second.report.zone == zone;
    }));
  }

  Abilities able;
  Time now{};
  Duration boot = std::chrono::seconds(3);
  Duration listed_after{};
  std::string version = "v1";
  std::map<std::string, Machine> machines;
  std::map<std::string, ErrorCode> refusals;     // by zone: what create and start answer
  std::map<std::string, Obstacle> placeholders;  // by zone: made, but never coming
  std::set<std::string> broken_versions;         // never answer
  std::set<std::string> hidden;                  // not listed for now
  std::set<std::string> ever;
  std::map<std::string, Error> errors;  // by call: answered without acting
  std::map<std::string, Error> lost;    // by call: answered after acting
  std::vector<std::pair<std::string, InstanceCall>> calls;
  std::function<void()> boundary = [] {};  // before and after the effect of each change
  std::function<void(const InstanceReport&)> on_end = [](const InstanceReport&) {};
  bool list_fails = false;

 private:
  Result<void> begin(const std::string& what, const InstanceCall& call) {
    calls.emplace_back(what, call);
    boundary();
    const auto error = errors.find(what);
    if (error != errors.end()) return error->second;
    return {};
  }
  Result<void> end(const std::string& what, const InstanceCall&) {
    boundary();
    const auto error = lost.find(what);
    if (error != lost.end()) return error->second;
    return {};
  }
  void turn_on(Machine& machine) {
    InstanceReport& report = machine.report;
    report.stopped = false;
    const auto obstacle = placeholders.find(report.zone);
    report.obstacle = obstacle == placeholders.end() ? Obstacle::none : obstacle->second;
    if (report.obstacle != Obstacle::none) {
      report.detail = "no machine";
      return;
    }
    report.running = true;
    report.id = std::to_string(++ids_);
    if (report.address.empty()) {
      report.address =
          "10." + std::to_string(ids_ / 250) + ".0." + std::to_string(ids_ % 250) + ":80";
    }
    machine.answers_at = now + boot;
  }

  uint32_t ids_ = 0;
};

}  // namespace flaskscale::scaler
