// A provider, a pool and an executor in memory, for the scaler's tests.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "scaler/executor.h"
#include "scaler/membership.h"
#include "scaler/provider.h"

namespace flaskscale::scaler {

// Runs each call when told to, or at once.
class FakeExecutor : public BlockingExecutor {
 public:
  void run(std::function<void()> blocking, std::function<void()> then) override {
    ++under_way;
    most_under_way = std::max(most_under_way, under_way);
    if (held) {
      waiting.emplace_back(std::move(blocking), std::move(then));
      return;
    }
    finish(blocking, then);
  }
  // Ends the oldest held call.
  void finish_one() {
    auto [blocking, then] = std::move(waiting.front());
    waiting.erase(waiting.begin());
    finish(blocking, then);
  }
  void finish(const std::function<void()>& blocking, const std::function<void()>& then) {
    blocking();
    --under_way;
    then();
  }

  bool held = false;
  int under_way = 0;
  int most_under_way = 0;
  std::vector<std::pair<std::function<void()>, std::function<void()>>> waiting;
};

class FakeProvider : public Provider {
 public:
  Result<void> create(const InstanceSpec& spec) override {
    calls.push_back("create");
    if (create_fails) return make_error(ErrorCode::unavailable, "no capacity");
    InstanceReport report;
    report.name = spec.name;
    report.address = "10.0.0." + std::to_string(++made) + ":80";
    report.running = true;
    there.emplace(spec.name, report);
    return {};
  }
  Result<std::vector<InstanceReport>> list() override {
    if (list_fails) return make_error(ErrorCode::unavailable, "the cloud is down");
    std::vector<InstanceReport> reports;
    for (const auto& [name, report] : there) reports.push_back(report);
    return reports;
  }
  Result<void> remove(const std::string& name) override {
    calls.push_back("remove");
    if (remove_fails) return make_error(ErrorCode::unavailable, "the cloud is down");
    on_remove(name);
    there.erase(name);
    return {};
  }
  size_t count(const std::string& call) const {
    return static_cast<size_t>(std::count(calls.begin(), calls.end(), call));
  }

  std::map<std::string, InstanceReport> there;
  std::vector<std::string> calls;
  std::function<void(const std::string&)> on_remove = [](const std::string&) {};
  bool create_fails = false;
  bool list_fails = false;
  bool remove_fails = false;
  int made = 0;
};

class FakeMembership : public Membership {
 public:
  struct Member {
    MemberReport report;
    bool draining = false;
  };
  void add(const std::string& address) override {
    Member& member = members[address];
    member.report.address = address;
    if (answers) answer(address);
  }
  uint32_t drain(const std::string& address) override {
    const auto found = members.find(address);
    if (found == members.end()) return 0;
    found->second.draining = true;
    return found->second.report.in_flight;
  }
  bool undrain(const std::string& address) override {
    const auto found = members.find(address);
    if (found == members.end() || !found->second.draining) return false;
    found->second.draining = false;
    return true;
  }
  void remove(const std::string& address) override { members.erase(address); }
  std::vector<MemberReport> report() const override {
    std::vector<MemberReport> reports;
    for (const auto& [address, member] : members) reports.push_back(member.report);
    return reports;
  }
  void expect_capacity(bool coming, Duration) override { capacity_coming = coming; }

  void answer(const std::string& address) {
    MemberReport& report = members.at(address).report;
    report.admitted = report.serving = report.up = true;
  }
  void answer_all() {
    for (auto& [address, member] : members) answer(address);
  }
  size_t draining() const {
    return static_cast<size_t>(std::count_if(members.begin(), members.end(),
                                             [](const auto& m) { return m.second.draining; }));
  }

  std::map<std::string, Member> members;
  bool answers = true;  // every new member passes its health check at once
  bool capacity_coming = false;
};

}  // namespace flaskscale::scaler
