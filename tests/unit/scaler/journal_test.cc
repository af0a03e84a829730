// The journal's file, and restarts at every point at which the scaler may be killed.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "scaler/journal_sqlite.h"
#include "scaler/pool_scaler.h"
#include "tests/unit/scaler/fake_cloud.h"

namespace flaskscale::scaler {
namespace {

WallTime at(int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    // In memory where there is such a folder: the kill tests write thousands of times.
    std::filesystem::path parent = "/dev/shm";
    if (access(parent.c_str(), W_OK) != 0) parent = std::filesystem::temp_directory_path();
    std::string pattern = parent / "flaskscale-test-XXXXXX";
    folder = mkdtemp(pattern.data());
  }
  ~JournalTest() override { std::filesystem::remove_all(folder); }
  std::string path() const { return folder / "journal.sqlite"; }
  std::unique_ptr<SqliteJournal> open() {
    auto journal = SqliteJournal::open(path());
    EXPECT_TRUE(journal.has_value()) << (journal ? "" : journal.error().detail);
    return journal ? std::move(*journal) : nullptr;
  }
  std::filesystem::path folder;
};

TEST_F(JournalTest, KeepsTheNewestIntentOfEachInstance) {
  {
    const auto journal = open();
    ASSERT_TRUE(journal->intend("shop", {{"a", Intent::create, "z1", "r1", at(5), at(5)},
                                         {"b", Intent::create, "z2", "r1", at(6), at(6)}}));
    ASSERT_TRUE(journal->intend("blog", {{"a", Intent::stop, "", "", at(1), at(2)}}));
    ASSERT_TRUE(journal->intend("shop", {{"a", Intent::remove, "z1", "r2", at(900), at(1000)}}));
    ASSERT_TRUE(journal->forget("shop", {"b", "never heard of"}));
    ASSERT_TRUE(journal->keep_memory("shop", "first"));
    ASSERT_TRUE(journal->keep_memory("shop", std::string("se\0cond", 7)));
  }
  const auto journal = open();
  const auto entries = journal->entries("shop");
  ASSERT_TRUE(entries.has_value());
  ASSERT_EQ(entries->size(), 1U);
  const JournalEntry& entry = (*entries)[0];
  EXPECT_EQ(entry.instance, "a");
  EXPECT_EQ(entry.intent, Intent::remove);
  EXPECT_EQ(entry.zone, "z1");
  EXPECT_EQ(entry.request_id, "r2");
  EXPECT_EQ(entry.created_at, at(5));
  EXPECT_EQ(entry.intended_at, at(1000));
  EXPECT_EQ(journal->entries("blog")->size(), 1U);
  EXPECT_EQ(journal->entries("other")->size(), 0U);
  EXPECT_EQ(*journal->memory("shop"), std::string("se\0cond", 7));
  EXPECT_EQ(*journal->memory("blog"), std::nullopt);
}

TEST_F(JournalTest, IsReadableByItsOwnerOnly) {
  open();
  struct stat info {};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(JournalTest, SaysWhenTheFileIsNoJournal) {
  std::ofstream(path()) << std::string(10000, 'x');
  const auto journal = SqliteJournal::open(path());
  ASSERT_FALSE(journal.has_value());
  EXPECT_EQ(journal.error().code, ErrorCode::bad_message);
  EXPECT_NE(journal.error().detail.find("move it away"), std::string::npos);
  EXPECT_FALSE(SqliteJournal::open(folder / "not there" / "journal").has_value());
}

TEST_F(JournalTest, SaysWhenTheFileIsDamaged) {
  {
    const auto journal = open();
    for (int i = 0; i < 200; ++i) {
      const std::string name = "shop-" + std::to_string(i);
      ASSERT_TRUE(journal->intend("shop", {{name, Intent::serve, "zone", "id", at(i), at(i)}}));
    }
  }
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096 + 100);
  file << std::string(8000, '\x5a');
  file.close();
  const auto journal = SqliteJournal::open(path());
  ASSERT_FALSE(journal.has_value());
  EXPECT_EQ(journal.error().code, ErrorCode::bad_message) << journal.error().detail;
}

// --- Kills -------------------------------------------------------------------------------------

struct Killed {};

// Counts the points at which the program may be killed, and kills it at one of them.
class Fate {
 public:
  void point() {
    if (++passed == kill_at) throw Killed();
  }
  int passed = 0;
  int kill_at = -1;
};

class WatchedJournal : public Journal {
 public:
  WatchedJournal(Journal& journal, Fate& fate) : journal_(journal), fate_(fate) {}
  Result<void> intend(const std::string& pool, const std::vector<JournalEntry>& entries) override {
    return write([&] {
      for (const JournalEntry& entry : entries) {
        if (entry.intent == Intent::remove) to_be_removed.insert(entry.instance);
        last.insert_or_assign(entry.instance, entry.intent);
      }
      return forgets ? Result<void>{} : journal_.intend(pool, entries);
    });
  }
  Result<void> forget(const std::string& pool, const std::vector<std::string>& names) override {
    return write([&] {
      for (const std::string& name : names) last.erase(name);
      return journal_.forget(pool, names);
    });
  }
  Result<std::vector<JournalEntry>> entries(const std::string& pool) override {
    if (fails) return make_error(ErrorCode::unavailable, "no journal");
    return journal_.entries(pool);
  }
  Result<void> keep_memory(const std::string& pool, const std::string& memory) override {
    return write([&] { return journal_.keep_memory(pool, memory); });
  }
  Result<std::optional<std::string>> memory(const std::string& pool) override {
    return journal_.memory(pool);
  }
  bool fails = false;
  bool forgets = false;  // answers success and keeps nothing
  std::set<std::string> to_be_removed;
  std::map<std::string, Intent> last;

 private:
  template <typename Write>
  Result<void> write(Write write) {
    if (fails) return make_error(ErrorCode::io_error, "the disk is full");
    fate_.point();
    Result<void> done = write();
    fate_.point();
    return done;
  }
  Journal& journal_;
  Fate& fate_;
};

// Notes instances that were taken for new ones although something else was intended with them.
class Witness final : public EventSink {
 public:
  explicit Witness(const WatchedJournal& journal) : journal_(journal) {}
  void on_event(const Event& event) override {
    if (event.kind != EventKind::instance || event.reason != "found") return;
    const auto intent = journal_.last.find(event.instance);
    if (intent == journal_.last.end() || intent->second != Intent::serve) ++mistaken;
  }
  int mistaken = 0;

 private:
  const WatchedJournal& journal_;
};

// A pool that goes through all that can happen; the program may be killed at any point of it.
class Story {
 public:
  explicit Story(const std::string& path, bool journal_forgets = false)
      : file_(std::move(*SqliteJournal::open(path))) {
    journal.forgets = journal_forgets;
    cloud.able.zones = {"a", "b"};
    cloud.able.can_stop = true;
    cloud.listed_after = std::chrono::seconds(6);
    cloud.boundary = [this] { fate.point(); };
    cloud.on_end = [this](const InstanceReport& report) {
      const auto member = membership.members.find(report.address);
      const uint32_t in_flight =
          member == membership.members.end() ? 0 : member->second.report.in_flight;
      const auto busy = busy_.find(report.address);
      if (in_flight > 0 || busy != busy_.end()) ++ended_busy;
    };
    membership.answers = false;
    policy.min = 2;
    policy.max = 8;
    policy.slots = 4;
    policy.standby = 1;
    policy.drain_timeout = std::chrono::minutes(10);
    policy.boot_timeout = std::chrono::seconds(60);
    policy.scale_in_window = std::chrono::seconds(10);
    policy.scale_in_interval = std::chrono::seconds(3);
    policy.boot_estimate = std::chrono::seconds(5);
    restart();
  }

  void restart() {
    scaler.reset();
    membership = FakeMembership{};  // a new process knows no backend, and its requests have ended
    membership.answers = false;
    busy_.clear();
    executor = FakeExecutor{};
    load = LoadSample{};
    scaler = std::make_unique<PoolScaler>(
        "shop", policy, PoolScalerParts{cloud, executor, membership, random, &journal, &witness});
  }

  // Scale-out, stock-out, rollout, scale-in into standby, scale-out again.
  void run() {
    for (; second < 190; ++second) {
      events();
      try {
        tick(rate());
      } catch (const Killed&) {
        ++kills;
        restart();
      }
    }
  }
  void settle(int seconds) {
    fate.kill_at = -1;
    for (int i = 0; i < seconds; ++i) tick(10);
  }

  Fate fate;
  FakeCloud cloud;
  FakeExecutor executor;
  FakeMembership membership;
  Random random{11};
  Policy policy;
  LoadSample load;
  Time now{std::chrono::hours(1)};
  std::unique_ptr<PoolScaler> scaler;
  int second = 0;
  int kills = 0;
  int ended_busy = 0;    // instances that were ended with a request in flight
  int served_again = 0;  // … that served after their end was intended
  int unknown = 0;       // … that existed and the scaler did not know of
  int surplus = 0;       // … that were made although there were enough

 private:
  double rate() const { return second < 45 ? 60 : second < 120 ? 5 : second < 150 ? 70 : 10; }
  void events() {
    if (second == 20) cloud.placeholders["a"] = Obstacle::capacity;
    if (second == 40) cloud.placeholders.clear();
    if (second == 70) cloud.version = "v2";
  }
  void tick(double rate) {
    const auto arrivals = static_cast<uint64_t>(rate);
    load.arrivals += arrivals;
    load.dispatched += arrivals;
    load.completions += arrivals;
    load.holding_seconds += rate * 0.2;
    load.in_flight_seconds += rate * 0.2;
    now += std::chrono::seconds(1);
    cloud.now = now;
    cloud.serve(membership);
    // Each serving instance has a request in flight for some seconds after its drain began.
    for (auto& [address, member] : membership.members) {
      if (!member.draining) busy_.erase(address);
      if (member.draining) busy_.try_emplace(address, now + std::chrono::seconds(4));
      const auto busy = busy_.find(address);
      const bool ended = busy != busy_.end() && now >= busy->second;
      member.report.in_flight = member.report.up && !ended ? 1 : 0;
    }
    std::erase_if(busy_, [&](const auto& entry) { return now >= entry.second; });
    const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
    const size_t creates = cloud.count("create");
    scaler->tick(load, now, WallTime(wall));
    for (const auto& [name, machine] : cloud.machines) {
      const bool serves = membership.members.contains(machine.report.address);
      if (serves && journal.to_be_removed.contains(name)) ++served_again;
    }
    count_what_is_known(creates);
  }
  // Also what the provider does not list yet. One more than wanted is made while others are
  // replaced.
  void count_what_is_known(size_t creates_before) {
    if (scaler->decisions().last()->reason == "list_unknown") return;
    const ScalerStatus status = scaler->status(now);
    std::set<std::string> known;
    uint32_t there = 0;
    for (const InstanceStatus& instance : status.instances) {
      known.insert(instance.name);
      if (instance.state <= InstanceState::ready) ++there;
    }
    for (const auto& [name, machine] : cloud.machines) {
      if (!known.contains(name)) ++unknown;
    }
    const bool has_made = cloud.count("create") > creates_before;
    if (has_made && there > status.desired + 1) ++surplus;
  }

  std::unique_ptr<SqliteJournal> file_;
  std::map<std::string, Time> busy_;  // until when a draining address answers its last request

 public:
  WatchedJournal journal{*file_, fate};
  Witness witness{journal};
};

std::string faults(const Story& story) {
  std::string found;
  const ScalerStatus status = story.scaler->status(story.now);
  std::set<std::string> known;
  for (const InstanceStatus& instance : status.instances) known.insert(instance.name);
  for (const auto& [name, machine] : story.cloud.machines) {
    if (!known.contains(name)) found += "leaked " + name + "; ";
    if (machine.report.version != "v2") found += "old " + name + "; ";
  }
  for (const InstanceStatus& instance : status.instances) {
    if (!story.cloud.machines.contains(instance.name)) found += "phantom " + instance.name + "; ";
  }
  const size_t running = story.cloud.running();
  if (running != status.desired || running < 2) {
    found += "running " + std::to_string(running) + " of " + std::to_string(status.desired) + "; ";
  }
  if (story.cloud.stopped() > story.policy.standby) found += "too many stopped; ";
  if (story.ended_busy > 0) found += "ended " + std::to_string(story.ended_busy) + " busy; ";
  if (story.served_again > 0) found += "some served after their end; ";
  if (story.witness.mistaken > 0) found += "some were taken for new; ";
  if (story.unknown > 0) found += "some were not known; ";
  if (story.surplus > 0) found += "more were made than wanted; ";
  return found;
}

TEST_F(JournalTest, ARestartAtAnyPointConverges) {
  int points = 0;
  size_t made = 0;
  {
    Story story(path());
    story.run();
    points = story.fate.passed;
    story.settle(200);
    EXPECT_EQ(faults(story), "");
    made = story.cloud.ever.size();
  }
  EXPECT_GT(points, 60);
  for (int point = 1; point <= points; ++point) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    Story story(path());
    story.fate.kill_at = point;
    story.run();
    story.settle(200);
    EXPECT_EQ(story.kills, 1);
    // Three that were asked for but never made fall into the stock-out when they are made anew.
    EXPECT_LE(story.cloud.ever.size(), made + 3) << point;
    ASSERT_EQ(faults(story), "") << "killed at point " << point << " of " << points;
  }
}

TEST_F(JournalTest, ManyRestartsConverge) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    Story story(path());
    Random random(seed);
    while (story.second < 190) {
      story.fate.kill_at = story.fate.passed + 1 + static_cast<int>(random.below(15));
      const int before = story.kills;
      while (story.kills == before && story.second < 190) story.run();
    }
    story.settle(200);
    ASSERT_EQ(faults(story), "") << "seed " << seed << ", " << story.kills << " kills";
  }
}

TEST_F(JournalTest, ABrokenJournalStopsChangesAndNothingElse) {
  Story story(path());
  story.settle(20);
  ASSERT_EQ(story.cloud.running(), 2U);
  const size_t calls = story.cloud.calls.size();
  story.journal.fails = true;
  story.cloud.machines.begin()->second.report.exited = true;
  story.settle(60);
  EXPECT_EQ(story.cloud.calls.size(), calls);
  EXPECT_EQ(story.scaler->status(story.now).alarms, std::vector<std::string>{"journal"});
  EXPECT_EQ(story.scaler->status(story.now).last_error, "the disk is full");
  EXPECT_EQ(story.membership.members.size(), 1U);

  // It is broken from the start of another run.
  story.restart();
  story.settle(20);
  EXPECT_EQ(story.cloud.calls.size(), calls);
  EXPECT_EQ(story.membership.members.size(), 1U);

  story.journal.fails = false;
  story.settle(20);
  EXPECT_EQ(story.cloud.running(), 2U);
  EXPECT_TRUE(story.scaler->status(story.now).alarms.empty());
}

TEST_F(JournalTest, CountsACreateOfAnEarlierRunAsComing) {
  Story story(path());
  story.cloud.boot = std::chrono::seconds(30);
  story.settle(3);
  const size_t made = story.cloud.ever.size();
  story.restart();
  for (const auto& [name, machine] : story.cloud.machines) story.cloud.hidden.insert(name);
  story.settle(15);
  EXPECT_EQ(story.cloud.ever.size(), made);
  story.cloud.hidden.clear();
  story.settle(40);
  EXPECT_EQ(story.cloud.ever.size(), made);
}

TEST_F(JournalTest, TheLawRemembersBootTimesOverARestart) {
  Story story(path());
  story.cloud.boot = std::chrono::seconds(20);
  for (int round = 0; round < 12; ++round) {
    story.cloud.machines.begin();
    story.settle(30);
    if (!story.cloud.machines.empty()) story.cloud.machines.clear();
  }
  story.settle(90);
  const double before = story.scaler->status(story.now).boot_seconds_median;
  EXPECT_NEAR(before, 20, 3);
  story.restart();
  story.settle(2);
  EXPECT_EQ(story.scaler->status(story.now).boot_seconds_median, before);
}

}  // namespace
}  // namespace flaskscale::scaler
