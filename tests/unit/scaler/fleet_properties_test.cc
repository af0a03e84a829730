// What must hold in every history of clouds that refuse, forget, lose, repair and renew machines.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "scaler/pool_scaler.h"
#include "tests/unit/scaler/fake_cloud.h"

namespace flaskscale::scaler {
namespace {

constexpr uint64_t kParts = 8;
#if defined(NDEBUG)
constexpr uint64_t kHistories = 10000;
#else
constexpr uint64_t kHistories = 1000;
#endif

constexpr int kTroubledTicks = 80;
constexpr int kQuietTicks = 300;  // of three seconds: the longest back-off is over by then

// Notes when an instance leaves the pool that nobody may take out of it.
class CheckedMembership : public FakeMembership {
 public:
  uint32_t drain(const std::string& address) override {
    if (members.contains(address)) since.try_emplace(address, now);
    return FakeMembership::drain(address);
  }
  bool undrain(const std::string& address) override {
    since.erase(address);
    return FakeMembership::undrain(address);
  }
  void remove(const std::string& address) override {
    const auto member = members.find(address);
    if (member == members.end()) return;
    const auto drained = since.find(address);
    const bool is_late = drained != since.end() && now - drained->second >= drain_timeout;
    const bool is_busy = member->second.report.up && member->second.report.in_flight > 0;
    if (is_busy && !is_late && !excused.contains(address)) {
      fault = address + " left the pool with requests in flight";
    }
    since.erase(address);
    FakeMembership::remove(address);
  }

  Time now{};
  Duration drain_timeout{};
  std::map<std::string, Time> since;
  std::set<std::string> excused;  // what really happened to them ends their requests
  std::string fault;
};

class History {
 public:
  explicit History(uint64_t seed) : chance_(seed), random_(seed * 7 + 1) {
    cloud.able.zones = {"a", "b"};
    cloud.able.can_stop = below(2) == 0;
    cloud.boot = std::chrono::seconds(1 + below(15));
    cloud.listed_after = std::chrono::seconds(below(4));
    cloud.able.list_interval = std::chrono::seconds(1 + below(8));
    policy_.min = below(4);
    policy_.max = std::max(1U, policy_.min) + below(8);
    policy_.slots = 1 + below(8);
    policy_.standby = below(3);
    policy_.drain_timeout = std::chrono::seconds(5 + below(30));
    policy_.boot_timeout = std::chrono::seconds(30);
    policy_.scale_in_window = std::chrono::seconds(5);
    policy_.scale_in_interval = std::chrono::seconds(2);
    policy_.idle_to_zero = std::chrono::seconds(10);
    policy_.boot_estimate = std::chrono::seconds(5);
    cloud.on_end = [this](const InstanceReport& report) {
      if (membership.members.contains(report.address)) fault = report.name + " ended in the pool";
    };
    restart();
  }

  std::string run() {
    for (int i = 0; i < kTroubledTicks && fault.empty(); ++i) {
      if (below(4) == 0) trouble();
      tick(std::chrono::milliseconds(below(10) == 0 ? 10 : 1000));
    }
    calm();
    for (int i = 0; i < kQuietTicks && fault.empty(); ++i) tick(std::chrono::seconds(3));
    if (fault.empty()) check_end();
    return fault;
  }

  FakeCloud cloud;
  FakeExecutor executor;
  CheckedMembership membership;
  MemoryJournal journal;
  std::string fault;

 private:
  uint32_t below(uint32_t bound) { return chance_.below(bound); }

  void restart() {
    scaler_.reset();
    membership.members.clear();
    membership.since.clear();
    membership.answers = false;
    membership.drain_timeout = policy_.drain_timeout;
    executor = FakeExecutor{};
    load_ = LoadSample{};
    scaler_ = std::make_unique<PoolScaler>(
        "shop", policy_, PoolScalerParts{cloud, executor, membership, random_, &journal, nullptr});
  }

  FakeCloud::Machine* any_machine() {
    if (cloud.machines.empty()) return nullptr;
    auto at = cloud.machines.begin();
    std::advance(at, below(static_cast<uint32_t>(cloud.machines.size())));
    membership.excused.insert(at->second.report.address);
    return &at->second;
  }

  void trouble_with(FakeCloud::Machine& machine) {
    InstanceReport& report = machine.report;
    switch (below(5)) {
      case 0:
        report.exited = true;
        report.running = false;
        break;
      case 1:
        report.leaving = !report.leaving;
        break;
      case 2:
        report.id += "x";
        report.address =
            "10.200." + std::to_string(below(250)) + "." + std::to_string(below(250)) + ":80";
        membership.excused.insert(report.address);
        break;
      case 3:
        cloud.machines.erase(std::string(report.name));
        break;
      default:
        report.stopped = true;
        report.running = false;
        break;
    }
  }

  void trouble() {
    const std::string zone = below(2) == 0 ? "a" : "b";
    static const char* const kCalls[] = {"create", "remove", "stop", "start"};
    Error error = make_error(ErrorCode::timed_out, "broken");
    if (below(2) == 0) error.retry = Retry::always;
    switch (below(14)) {
      case 0:
        rate_ = below(60);
        break;
      case 1:
        cloud.refusals[zone] =
            below(2) == 0 ? ErrorCode::out_of_capacity : ErrorCode::quota_exceeded;
        break;
      case 2:
        cloud.placeholders[zone] = below(3) == 0 ? Obstacle::configuration : Obstacle::capacity;
        break;
      case 3:
        cloud.refusals.clear();
        cloud.placeholders.clear();
        break;
      case 4:
        cloud.list_fails = !cloud.list_fails;
        break;
      case 5:
        cloud.errors[kCalls[below(4)]] = error;
        break;
      case 6:
        cloud.lost[kCalls[below(4)]] = error;
        break;
      case 7:
        cloud.errors.clear();
        cloud.lost.clear();
        break;
      case 8:
        cloud.version = "v" + std::to_string(below(3));
        break;
      case 9:
        journal.fails = !journal.fails;
        break;
      case 10:
        restart();
        break;
      case 11:
        policy_.max = std::max(1U, policy_.min) + below(8);
        policy_.standby = below(3);
        scaler_->apply(policy_, now_);
        break;
      default:
        if (FakeCloud::Machine* machine = any_machine()) trouble_with(*machine);
        break;
    }
  }

  void calm() {
    cloud.refusals.clear();
    cloud.placeholders.clear();
    cloud.errors.clear();
    cloud.lost.clear();
    cloud.list_fails = journal.fails = false;
    for (auto& [name, machine] : cloud.machines) machine.report.leaving = false;
    rate_ = 3;
  }

  void tick(Duration step) {
    now_ += step;
    membership.now = cloud.now = now_;
    cloud.serve(membership);
    const double seconds = to_seconds(step);
    const auto arrivals = static_cast<uint64_t>(rate_ * seconds);
    load_.arrivals += arrivals;
    load_.dispatched += arrivals;
    load_.completions += arrivals;
    load_.holding_seconds += static_cast<double>(arrivals) * 0.2;
    load_.in_flight_seconds += static_cast<double>(arrivals) * 0.2;
    load_.queued = membership.members.empty() && rate_ > 0 ? 1 : 0;
    for (auto& [address, member] : membership.members) {
      if (!member.draining) member.report.in_flight = member.report.up ? below(3) : 0;
      if (member.draining && below(3) == 0) member.report.in_flight = 0;
    }
    const auto wall =
        std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
    scaler_->tick(load_, now_, WallTime(wall));
    check();
  }

  void check() {
    const ScalerStatus status = scaler_->status(now_);
    if (!membership.fault.empty()) fault = membership.fault;
    if (executor.most_under_way > 1) fault = "two calls at a time";
    if (status.desired < status.min || status.desired > status.max) {
      fault = "target " + std::to_string(status.desired) + " out of range, reason " +
              scaler_->decisions().last()->reason;
    }
    std::set<std::string> names;
    for (const InstanceStatus& instance : status.instances) {
      names.insert(instance.name);
      const bool ends = instance.state == InstanceState::deleting ||
                        instance.state == InstanceState::failed ||
                        instance.state == InstanceState::standby;
      if (ends && membership.members.contains(instance.address) && !shared(instance, status)) {
        fault = instance.name + " serves while it ends";
      }
    }
    for (const auto& [kind, call] : cloud.calls) {
      if (call.names.empty() || call.request_id.empty()) fault = "an empty call";
    }
    cloud.calls.clear();
  }
  // Somebody else has that address by now.
  static bool shared(const InstanceStatus& instance, const ScalerStatus& status) {
    return std::any_of(status.instances.begin(), status.instances.end(), [&](const auto& other) {
      return other.name != instance.name && other.address == instance.address;
    });
  }

  void check_end() {
    const ScalerStatus status = scaler_->status(now_);
    const size_t known = status.instances.size();
    if (known != cloud.machines.size()) {
      fault =
          std::to_string(cloud.machines.size()) + " machines, " + std::to_string(known) + " known";
    } else if (cloud.running() != status.desired) {
      fault = std::to_string(cloud.running()) + " run, " + std::to_string(status.desired) +
              " wanted (" + scaler_->decisions().last()->reason + ")";
    } else if (cloud.stopped() > (cloud.able.can_stop ? policy_.standby : 0)) {
      fault = "too many stopped";
    } else if (!status.alarms.empty()) {
      fault = "alarm " + status.alarms.front();
    } else if (journal.rows.size() != known) {
      fault = std::to_string(journal.rows.size()) + " rows for " + std::to_string(known);
    }
    for (const auto& [name, machine] : cloud.machines) {
      if (machine.report.version != cloud.version) fault = name + " is old";
    }
  }

  Random chance_;
  Random random_;
  Policy policy_;
  LoadSample load_;
  Time now_{std::chrono::hours(1)};
  uint32_t rate_ = 10;
  std::unique_ptr<PoolScaler> scaler_;
};

// Every eighth seed; the eight parts run side by side.
class FleetProperties : public testing::TestWithParam<uint64_t> {};

TEST_P(FleetProperties, EveryHistoryIsSafeAndConverges) {
  const auto level = spdlog::get_level();
  spdlog::set_level(spdlog::level::off);
  for (uint64_t seed = 1 + GetParam(); seed <= kHistories; seed += kParts) {
    History history(seed);
    const std::string fault = history.run();
    ASSERT_EQ(fault, "") << "seed " << seed;
  }
  spdlog::set_level(level);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FleetProperties, testing::Range<uint64_t>(0, kParts));

}  // namespace
}  // namespace flaskscale::scaler
