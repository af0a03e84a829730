#include "proxy/server/event_hook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "proxy/server/command_target.h"
#include "proxy/server/event_json.h"
#include "proxy/server/pool_hooks.h"
#include "proxy/server/webhook_target.h"

namespace flaskscale::server {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Verdict = HookReply::Verdict;

constexpr auto kPatience = 20s;

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// What a target was told, and what it is to answer. Outlives the target.
class Script {
 public:
  void will_answer(Verdict verdict) {
    const std::lock_guard lock(mutex_);
    answers_.push_back(verdict);
  }
  void hang(bool on) {
    const std::lock_guard lock(mutex_);
    hangs_ = on;
    changed_.notify_all();
  }
  std::vector<std::string> told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  HookReply deliver(const std::string& id) {
    std::unique_lock lock(mutex_);
    told_.push_back(id);
    changed_.wait(lock, [this] { return !hangs_ || cancelled_; });
    if (cancelled_) return {Verdict::try_again, "cancelled", {}};
    if (answers_.empty()) return {Verdict::delivered, {}, {}};
    const Verdict verdict = answers_.front();
    answers_.pop_front();
    return {verdict, "as the script says", {}};
  }
  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
  std::deque<Verdict> answers_;
  bool hangs_ = false;
  bool cancelled_ = false;
};

class ScriptedTarget final : public HookTarget {
 public:
  explicit ScriptedTarget(Script& script) : script_(script) {}
  HookReply deliver(const std::string&, const std::string& id, Duration) override {
    return script_.deliver(id);
  }
  void cancel() override { script_.cancel(); }
  std::string name() const override { return "script"; }

 private:
  Script& script_;
};

class EventHookTest : public testing::Test {
 protected:
  std::unique_ptr<EventHook> hook(HookTimes times = {1s, 1ms, 4ms, 1h}) {
    return std::make_unique<EventHook>(std::make_unique<ScriptedTarget>(script_), counts_,
                                       Random(1), times);
  }
  static void push(EventHook& hook, const std::string& id) {
    hook.push(std::make_shared<const EventHook::Message>(EventHook::Message{id, "{}"}));
  }

  Script script_;
  std::shared_ptr<HookCounts> counts_ = std::make_shared<HookCounts>();
};

TEST_F(EventHookTest, DeliversInOrder) {
  const auto one = hook();

  for (const char* id : {"1", "2", "3"}) push(*one, id);

  EXPECT_TRUE(eventually([&] { return counts_->delivered == 3; }));
  EXPECT_THAT(script_.told(), ElementsAre("1", "2", "3"));
}

TEST_F(EventHookTest, TriesAgainBeforeTheNext) {
  for (int i = 0; i < 3; ++i) script_.will_answer(Verdict::try_again);
  const auto one = hook();

  push(*one, "1");
  push(*one, "2");

  EXPECT_TRUE(eventually([&] { return counts_->delivered == 2; }));
  EXPECT_THAT(script_.told(), ElementsAre("1", "1", "1", "1", "2"));
  EXPECT_EQ(counts_->retries, 3U);
}

TEST_F(EventHookTest, DoesNotInsistOnWhatIsRefused) {
  script_.will_answer(Verdict::refused);
  const auto one = hook();

  push(*one, "1");
  push(*one, "2");

  EXPECT_TRUE(eventually([&] { return counts_->delivered == 1; }));
  EXPECT_EQ(counts_->refused, 1U);
  EXPECT_THAT(script_.told(), ElementsAre("1", "2"));
}

TEST_F(EventHookTest, GivesUpWhatIsTooOld) {
  for (int i = 0; i < 1000; ++i) script_.will_answer(Verdict::try_again);
  const auto one = hook({1s, 1ms, 1ms, 500ms});

  push(*one, "1");

  EXPECT_TRUE(eventually([&] { return counts_->dropped == 1; }));
  EXPECT_GT(script_.told().size(), 1U);
}

TEST_F(EventHookTest, DropsTheOldestWhenTooManyWait) {
  script_.hang(true);
  const auto one = hook();
  push(*one, "first");
  ASSERT_TRUE(eventually([&] { return script_.told().size() == 1; }));

  for (size_t i = 0; i < EventHook::kMostWaiting + 2; ++i) push(*one, std::to_string(i));

  EXPECT_EQ(counts_->dropped, 2U);
  script_.hang(false);
  EXPECT_TRUE(eventually([&] { return counts_->delivered == EventHook::kMostWaiting + 1; }));
  EXPECT_EQ(script_.told()[1], "2");
}

TEST_F(EventHookTest, DeliversWhatWaitsBeforeItEnds) {
  const auto one = hook();
  for (const char* id : {"1", "2", "3"}) push(*one, id);

  one->finish(kPatience);

  EXPECT_TRUE(eventually([&] { return one->is_finished(); }));
  EXPECT_EQ(counts_->delivered, 3U);
  push(*one, "too late");
  EXPECT_EQ(script_.told().size(), 3U);
}

TEST_F(EventHookTest, EndsThoughItsTargetHangs) {
  script_.hang(true);
  auto one = hook();
  push(*one, "1");
  push(*one, "2");
  ASSERT_TRUE(eventually([&] { return script_.told().size() == 1; }));

  one.reset();

  EXPECT_EQ(counts_->dropped, 2U);
  EXPECT_EQ(counts_->delivered, 0U);
}

TEST_F(EventHookTest, DoesNotWaitBetweenTriesWhenItEnds) {
  for (int i = 0; i < 100; ++i) script_.will_answer(Verdict::try_again);
  const auto one = hook({1s, 1h, 1h, 2h});
  push(*one, "1");
  ASSERT_TRUE(eventually([&] { return script_.told().size() == 1; }));

  one->finish(kPatience);

  EXPECT_TRUE(eventually([&] { return one->is_finished(); }));
  EXPECT_EQ(counts_->dropped, 1U);
}

TEST_F(EventHookTest, WithoutEventsIsFinishedAtOnce) {
  const auto one = hook();

  one->finish(kPatience);

  EXPECT_TRUE(one->is_finished());
}

scaler::Event sample_event() {
  scaler::Event event;
  event.kind = scaler::EventKind::decision;
  event.at = WallTime(1767323045123ms);
  event.pool = "shop";
  event.what = "scale_out";
  event.reason = "need";
  event.text = "Two more.";
  event.numbers = {{"target", 4}, {"odd", std::numeric_limits<double>::infinity()}};
  return event;
}

TEST(EventJson, HasEachField) {
  const auto json = nlohmann::json::parse(render_event(sample_event(), "run-7", "host"));

  EXPECT_EQ(json.at("version"), 1);
  EXPECT_EQ(json.at("id"), "run-7");
  EXPECT_EQ(json.at("time"), "2026-01-02T03:04:05.123Z");
  EXPECT_EQ(json.at("source"), "host");
  EXPECT_EQ(json.at("pool"), "shop");
  EXPECT_EQ(json.at("kind"), "decision");
  EXPECT_EQ(json.at("what"), "scale_out");
  EXPECT_EQ(json.at("reason"), "need");
  EXPECT_EQ(json.at("instance"), "");
  EXPECT_EQ(json.at("text"), "Two more.");
  EXPECT_EQ(json.at("numbers").at("target"), 4);
  EXPECT_TRUE(json.at("numbers").at("odd").is_null());
}

TEST(PoolHooks, GiveEachHookEveryEventAndKeepThoseThatStay) {
  Script a;
  Script b;
  PoolHooks hooks(
      "host",
      [&](const config::HookModel& model) {
        return std::make_unique<ScriptedTarget>(model.url == "a" ? a : b);
      },
      Random(1));
  hooks.on_event(sample_event());  // nobody listens yet
  hooks.apply({{"a", {}, {}}, {"b", {}, {}}});
  hooks.on_event(sample_event());
  hooks.apply({{"a", {}, {}}});
  hooks.on_event(sample_event());

  EXPECT_TRUE(eventually([&] { return hooks.counts().delivered == 3; }));
  EXPECT_EQ(a.told().size(), 2U);
  EXPECT_EQ(b.told().size(), 1U);
  EXPECT_NE(a.told()[0], a.told()[1]);
  EXPECT_EQ(a.told()[0], b.told()[0]);
  hooks.finish(kPatience);
  EXPECT_TRUE(eventually([&] { return hooks.is_finished(); }));
}

// Answers as it was told to.
class FakeClient final : public scaler::HttpClient {
 public:
  explicit FakeClient(Result<scaler::HttpResponse> answer) : answer_(std::move(answer)) {}
  Result<scaler::HttpResponse> send(const scaler::HttpRequest& request) override {
    last = request;
    return answer_;
  }
  scaler::HttpRequest last;

 private:
  const Result<scaler::HttpResponse> answer_;
};

HookReply reply_to(Result<scaler::HttpResponse> answer) {
  return WebhookTarget("http://h/x", std::make_unique<FakeClient>(std::move(answer)))
      .deliver("{}", "id", 1s);
}

TEST(WebhookTarget, JudgesByTheStatus) {
  const auto verdict_of = [](int status) { return reply_to(scaler::HttpResponse{status, {}, {}}); };
  for (const int status : {200, 202, 204}) {
    EXPECT_EQ(verdict_of(status).verdict, Verdict::delivered) << status;
  }
  for (const int status : {301, 400, 401, 404, 410}) {
    EXPECT_EQ(verdict_of(status).verdict, Verdict::refused) << status;
  }
  for (const int status : {408, 425, 429, 500, 502, 503, 504}) {
    EXPECT_EQ(verdict_of(status).verdict, Verdict::try_again) << status;
  }
  EXPECT_EQ(reply_to(make_error(ErrorCode::connect_failed, "no")).verdict, Verdict::try_again);
}

TEST(WebhookTarget, HeedsRetryAfterWithinReason) {
  const auto wait_of = [](const std::string& text) {
    return reply_to(scaler::HttpResponse{503, {{"retry-after", text}}, {}}).wait;
  };
  EXPECT_EQ(wait_of("7"), 7s);
  EXPECT_EQ(wait_of("100000"), 300s);
  EXPECT_EQ(wait_of("-1"), 0s);
  EXPECT_EQ(wait_of("tomorrow"), 0s);
}

TEST(WebhookTarget, PostsJsonWithTheIdOfTheEvent) {
  auto owned = std::make_unique<FakeClient>(scaler::HttpResponse{200, {}, {}});
  FakeClient& client = *owned;
  WebhookTarget target("https://me:secret@h.example/path/token", std::move(owned));

  target.deliver("{\"a\":1}", "run-1", 1s);

  EXPECT_EQ(client.last.method, "POST");
  EXPECT_EQ(client.last.url, "https://me:secret@h.example/path/token");
  EXPECT_EQ(client.last.body, "{\"a\":1}");
  EXPECT_EQ(client.last.timeout, 1s);
  EXPECT_THAT(client.last.headers,
              testing::Contains(std::pair<std::string, std::string>("Idempotency-Key", "run-1")));
  EXPECT_EQ(target.name(), "https://h.example/…");
}

HookReply run_command_hook(const std::string& script, Duration timeout = 20s) {
  CommandTarget target({"/bin/sh", "-c", script}, "/");
  return target.deliver("{\"a\":1}", "run-1", timeout);
}

TEST(CommandTarget, GetsTheEventOnItsStandardInput) {
  EXPECT_EQ(
      run_command_hook("[ \"$(cat)\" = '{\"a\":1}' ] && [ $FLASKSCALE_EVENT_ID = run-1 ]").verdict,
      Verdict::delivered);
}

TEST(CommandTarget, JudgesByTheExitStatus) {
  EXPECT_EQ(run_command_hook("exit 75").verdict, Verdict::try_again);
  EXPECT_EQ(run_command_hook("kill -9 $$").verdict, Verdict::try_again);
  const HookReply refused = run_command_hook("echo no >&2; exit 1");
  EXPECT_EQ(refused.verdict, Verdict::refused);
  EXPECT_THAT(refused.detail, HasSubstr("no"));
  EXPECT_EQ(run_command_hook("sleep 60", 100ms).verdict, Verdict::try_again);
}

TEST(CommandTarget, EndsWhenItIsCancelled) {
  CommandTarget target({"/bin/sh", "-c", "sleep 60"}, "/");
  std::thread cancel([&] { target.cancel(); });

  EXPECT_EQ(target.deliver("{}", "1", 60s).verdict, Verdict::try_again);

  cancel.join();
}

}  // namespace
}  // namespace flaskscale::server
