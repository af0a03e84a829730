// A provider, a pool and an executor in memory, for the scaler's tests.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scaler/executor.h"
#include "scaler/journal.h"
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
  Result<void> create(const InstanceCall& call) override {
    calls.push_back("create");
    if (create_fails) return make_error(ErrorCode::unavailable, "no capacity");
    for (const std::string& name : call.names) {
      InstanceReport report;
      report.name = name;
      report.address = "10.0.0." + std::to_string(++made) + ":80";
      report.running = true;
      there.emplace(name, report);
    }
    return {};
  }
  Result<std::vector<InstanceReport>> list() override {
    if (list_fails) return make_error(ErrorCode::unavailable, "the cloud is down");
    std::vector<InstanceReport> reports;
    for (const auto& [name, report] : there) reports.push_back(report);
    return reports;
  }
  Result<void> remove(const InstanceCall& call) override {
    calls.push_back("remove");
    if (remove_fails) return make_error(ErrorCode::unavailable, "the cloud is down");
    for (const std::string& name : call.names) {
      on_remove(name);
      there.erase(name);
    }
    return {};
  }
  void put(const std::string& name, const std::string& id, const std::string& address) {
    InstanceReport report;
    report.name = name;
    report.id = id;
    report.address = address;
    report.running = true;
    there[name] = report;
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

class MemoryJournal : public Journal {
 public:
  Result<void> intend(const std::string&, const std::vector<JournalEntry>& entries) override {
    if (fails) return make_error(ErrorCode::io_error, "the disk is full");
    for (JournalEntry entry : entries) {
      const auto known = rows.find(entry.instance);
      if (known != rows.end()) entry.created_at = known->second.created_at;
      rows.insert_or_assign(entry.instance, entry);
    }
    return {};
  }
  Result<void> forget(const std::string&, const std::vector<std::string>& names) override {
    if (fails) return make_error(ErrorCode::io_error, "the disk is full");
    for (const std::string& name : names) rows.erase(name);
    return {};
  }
  Result<std::vector<JournalEntry>> entries(const std::string&) override {
    if (fails) return make_error(ErrorCode::io_error, "the disk is full");
    std::vector<JournalEntry> all;
    for (const auto& [name, entry] : rows) all.push_back(entry);
    return all;
  }
  Result<void> keep_memory(const std::string&, const std::string& text) override {
    if (fails) return make_error(ErrorCode::io_error, "the disk is full");
    kept = text;
    return {};
  }
  Result<std::optional<std::string>> memory(const std::string&) override { return kept; }

  std::map<std::string, JournalEntry> rows;
  std::optional<std::string> kept;
  bool fails = false;
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
