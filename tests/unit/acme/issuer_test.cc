// The whole way to a certificate, restarts at every step, and renewals.
#include "proxy/acme/issuer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proxy/acme/file_io.h"
#include "tests/unit/acme/issuer_fixture.h"

namespace flaskscale::acme {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Names = std::vector<std::string>;

TEST_F(IssuerTest, GetsACertificateForSeveralNames) {
  EXPECT_FALSE(has_certificate());
  ASSERT_TRUE(run(minutes(2)));
  const auto facts = store->current("shop.example.com");
  EXPECT_EQ(facts->names, (Names{"shop.example.com", "www.example.com"}));
  EXPECT_EQ(ca.order_times.size(), 1U);
  EXPECT_EQ(ca.accounts, 1);
  EXPECT_EQ(ca.refused_nonces, 0);
  EXPECT_EQ(ca.count(Stage::challenge), 2U);
  EXPECT_TRUE(board.entries.empty());
  EXPECT_EQ(issuer->counts().issued, 1U);
  EXPECT_EQ(issuer->counts().failed, 0U);
  EXPECT_EQ(ca.account_payloads.size(), 1U);
  EXPECT_NE(ca.account_payloads[0].find("mailto:ops@example.com"), std::string::npos);
}

TEST_F(IssuerTest, KeysAreForTheirOwnerAlone) {
  ASSERT_TRUE(run());
  for (const char* path : {"/ca.test/account.key", "/ca.test/shop.example.com/privkey.pem"}) {
    const auto rights = std::filesystem::status(root + path).permissions();
    EXPECT_EQ(static_cast<unsigned>(rights), 0600U) << path;
  }
}

TEST_F(IssuerTest, UsesWhatIsProvenAlready) {
  ca.proven_names = {"shop.example.com", "www.example.com"};
  ASSERT_TRUE(run(minutes(2)));
  EXPECT_EQ(ca.count(Stage::challenge), 0U);
}

TEST_F(IssuerTest, RenewsAtTwoThirdsOfTheLifeAndUsesTheAccountAgain) {
  ASSERT_TRUE(run(minutes(2)));
  const WallTime issued = ca.now;
  while (issuer->counts().issued < 2) {
    step();
    ASSERT_LT(ca.now - issued, hours(24 * 90));
  }
  const auto waited = ca.order_times.at(1) - ca.order_times.at(0);
  EXPECT_GE(waited, hours(24 * 60));
  EXPECT_LE(waited, hours(24 * 63) + minutes(1));
  EXPECT_EQ(ca.account_payloads.size(), 1U);
  EXPECT_EQ(issuer->counts().failed, 0U);
}

TEST_F(IssuerTest, RenewsAnotherKeyEachTime) {
  ASSERT_TRUE(run());
  const auto first = read_small_file(root + "/ca.test/shop.example.com/privkey.pem");
  while (issuer->counts().issued < 2) step();
  EXPECT_NE(*first, *read_small_file(root + "/ca.test/shop.example.com/privkey.pem"));
}

TEST_F(IssuerTest, KeepsTheOldCertificateWhileRenewalFails) {
  ca.life = hours(24 * 30);
  ASSERT_TRUE(run());
  const WallTime end = store->current("shop.example.com")->not_after;
  ca.refused_names = {"www.example.com"};
  while (ca.now < end) step();
  const auto facts = store->current("shop.example.com");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->not_after, end);
  EXPECT_FALSE(facts->is_self_issued);
  // Every six hours at most at the end, and never in a burst.
  EXPECT_LT(issuer->counts().failed, 10U * 4 + 12);
  EXPECT_GT(issuer->counts().failed, 10U * 2);
  ca.refused_names.clear();
  EXPECT_TRUE(run(hours(9)));
}

TEST_F(IssuerTest, SaysWhichNameFailedAndWhereToLook) {
  ca.refused_names = {"www.example.com"};
  while (issuer->counts().failed == 0) step();
  const std::string said = only_job().last_error;
  EXPECT_NE(said.find("www.example.com"), std::string::npos) << said;
  EXPECT_NE(said.find("nobody at port 80"), std::string::npos) << said;
  EXPECT_NE(said.find("firewall"), std::string::npos) << said;
  EXPECT_TRUE(board.entries.empty());
}

TEST_F(IssuerTest, FollowsRetryAfterOfARateLimit) {
  ca.fault = [](Stage stage, const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
    if (stage != Stage::order) return std::nullopt;
    return problem_response(429, "rateLimited", "too many certificates", "7200");
  };
  while (issuer->counts().failed == 0) step();
  const WallTime failed = ca.order_times.front();
  ca.fault = nullptr;
  EXPECT_GE(only_job().next - failed, hours(2));
  // Neither a restart nor an operator shortens it.
  start();
  issuer->try_soon(ca.now);
  EXPECT_GE(only_job().next - failed, hours(2));
  ASSERT_TRUE(run(hours(4)));
  EXPECT_GE(ca.order_times.at(1) - failed, hours(2));
}

TEST_F(IssuerTest, WaitsForADirectoryThatAsksForTime) {
  ca.fault = [](Stage stage, const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
    if (stage != Stage::directory) return std::nullopt;
    return problem_response(503, "serverInternal", "maintenance", "3600");
  };
  step();
  ca.fault = nullptr;
  const size_t asked = ca.requests.size();
  EXPECT_EQ(asked, 1U);
  ASSERT_TRUE(run(hours(2)));
  EXPECT_GE(ca.requests.at(1).second - ca.requests.at(0).second, hours(1));
}

TEST_F(IssuerTest, AWaitThatTheDirectoryAskedForOutlivesARestart) {
  ca.fault = [](Stage stage, const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
    if (stage != Stage::account) return std::nullopt;
    return problem_response(429, "rateLimited", "too many accounts", "10800");
  };
  issuer->step(ca.now);
  ca.fault = nullptr;
  const WallTime asked = ca.requests.back().second;
  const size_t requests = ca.requests.size();
  for (int i = 0; i < 20; ++i) {
    start();
    issuer->try_soon(ca.now);
    issuer->step(ca.now);
    ca.now += minutes(5);
  }
  EXPECT_EQ(ca.requests.size(), requests);
  ASSERT_TRUE(run(hours(4)));
  EXPECT_GE(ca.requests.at(requests).second - asked, hours(3));
}

TEST_F(IssuerTest, FollowsRetryAfterOfALook) {
  ca.slowness = 3;
  std::vector<WallTime> looks;
  ca.fault = [&](Stage stage, const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
    if (stage == Stage::look) looks.push_back(ca.now);
    return std::nullopt;
  };
  ASSERT_TRUE(run());
  ASSERT_GE(looks.size(), 3U);
  EXPECT_GE(looks[1] - looks[0], seconds(1));
  EXPECT_GE(looks[2] - looks[1], seconds(1));
}

TEST_F(IssuerTest, NeverAsksTwiceWithinAMinuteHoweverOftenItIsStarted) {
  ca.fault = [](Stage stage, const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
    if (stage != Stage::order) return std::nullopt;
    return problem_response(500, "serverInternal");
  };
  const WallTime end = ca.now + hours(2);
  while (ca.now < end) {
    start();
    for (int i = 0; i < 3; ++i) issuer->step(ca.now);
    ca.now += seconds(13);
  }
  ASSERT_GT(ca.order_times.size(), 3U);
  for (size_t i = 1; i < ca.order_times.size(); ++i) {
    EXPECT_GE(ca.order_times[i] - ca.order_times[i - 1], minutes(1));
  }
  EXPECT_LT(ca.order_times.size(), 20U);  // a start of many does not count as an operator's
}

TEST_F(IssuerTest, AReloadTriesAgainAtOnce) {
  ca.refused_names = {"www.example.com"};
  while (issuer->counts().failed < 5) step();
  ca.refused_names.clear();
  ca.now = ca.order_times.back() + minutes(2);
  issuer->try_soon(ca.now);
  EXPECT_TRUE(run(minutes(1)));
}

TEST_F(IssuerTest, ARestartAtAnyRequestGoesOnWithTheOrder) {
  ASSERT_TRUE(run());
  const size_t requests = ca.requests.size();
  for (size_t at = 1; at < requests; ++at) {
    std::filesystem::remove_all(root);
    ca.forget_everything();
    ca.requests.clear();
    ca.order_times.clear();
    start();
    // The request is carried out and its answer lost.
    bool is_over = false;
    ca.fault = [&](Stage, const scaler::HttpRequest& request) {
      std::optional<FakeDirectory::Answer> lost;
      if (is_over || ca.requests.size() != at) return lost;
      is_over = true;
      static_cast<void>(ca.send(request));
      lost = make_error(ErrorCode::cancelled, "the program ends");
      return lost;
    };
    for (int i = 0; i < 40 && ca.requests.size() < at; ++i) step();
    const bool order_was_known = ca.count(Stage::authorization) > 0;
    ca.fault = nullptr;
    start();
    ASSERT_TRUE(run(minutes(20))) << "after request " << at << ": " << only_job().last_error;
    EXPECT_LE(ca.order_times.size(), order_was_known ? 1U : 3U) << at;
    for (size_t i = 1; i < ca.order_times.size(); ++i) {
      if (ca.order_times[i] == ca.order_times[i - 1]) continue;  // the lost one, counted twice
      EXPECT_GE(ca.order_times[i] - ca.order_times[i - 1], minutes(1)) << at;
    }
    EXPECT_TRUE(board.entries.empty());
  }
}

TEST_F(IssuerTest, MakesTheAccountAnewWhenTheDirectoryHasForgottenIt) {
  ASSERT_TRUE(run());
  ca.forget_everything();
  while (issuer->counts().issued < 2) step();
  EXPECT_EQ(ca.accounts, 2);
  EXPECT_EQ(issuer->counts().failed, 1U);
}

TEST_F(IssuerTest, TellsTheDirectoryOfAnotherContact) {
  ASSERT_TRUE(run());
  settings.email = "it@example.com";
  start();
  while (issuer->counts().issued < 1) step();
  ASSERT_EQ(ca.account_payloads.size(), 2U);
  EXPECT_NE(ca.account_payloads[1].find("mailto:it@example.com"), std::string::npos);
}

TEST_F(IssuerTest, SendsTheExternalAccountBinding) {
  settings.eab_key_id = "kid-1";
  settings.eab_key = "secret";
  start();
  ASSERT_TRUE(run());
  EXPECT_NE(ca.account_payloads[0].find("externalAccountBinding"), std::string::npos);
}

TEST_F(IssuerTest, AsksForTheOtherNamesWhileTheOldCertificateServes) {
  ASSERT_TRUE(run());
  ca.now += minutes(5);
  want({{"shop.example.com", "new.example.com"}});
  const auto facts = store->current("shop.example.com");
  EXPECT_FALSE(facts->is_self_issued);
  while (issuer->counts().issued < 2) step();
  EXPECT_EQ(store->current("shop.example.com")->names,
            (Names{"new.example.com", "shop.example.com"}));
}

TEST_F(IssuerTest, HasOnlySoManyOrdersUnderWay) {
  std::vector<Names> many;
  for (size_t i = 0; i < pace.most_orders + 3; ++i)
    many.push_back({"n" + std::to_string(i) + ".example.com"});
  ca.slowness = 5;
  want(many);
  size_t most = 0;
  for (int i = 0; i < 3000 && issuer->counts().issued < many.size(); ++i) {
    step();
    size_t under_way = 0;
    for (const JobStatus& job : issuer->status()) under_way += job.under_way ? 1 : 0;
    most = std::max(most, under_way);
  }
  EXPECT_EQ(issuer->counts().issued, many.size());
  EXPECT_EQ(most, pace.most_orders);
}

TEST_F(IssuerTest, GivesUpAnOrderThatIsNeverDecidedAndGoesOnWithItLater) {
  ca.slowness = 1'000'000;
  while (issuer->counts().failed == 0) step();
  EXPECT_GT(ca.now - ca.order_times.front(), pace.patience);
  EXPECT_FALSE(board.entries.empty());  // it may still be looked at
  const size_t looks = ca.requests.size();
  EXPECT_LT(looks, 600U);
  while (issuer->counts().failed < 2) step();
  EXPECT_EQ(ca.order_times.size(), 1U);
}

TEST_F(IssuerTest, RefusesACertificateForOtherNames) {
  ca.extra_names = {"shop.example.com"};
  while (issuer->counts().failed == 0) step();
  EXPECT_FALSE(has_certificate());
  EXPECT_NE(only_job().last_error.find("not for all the names"), std::string::npos);
  ca.extra_names.clear();
  EXPECT_TRUE(run(minutes(10)));
}

TEST_F(IssuerTest, AFolderThatCantBeWrittenIsAFailureThatPasses) {
  if (geteuid() == 0) {
    // Root may write everywhere: a file in the folder's place stops it too.
    std::filesystem::remove_all(root + "/ca.test/shop.example.com");
    std::ofstream(root + "/ca.test/shop.example.com") << "in the way";
    while (issuer->counts().failed == 0) {
      ca.now = std::max(issuer->step(ca.now), ca.now + milliseconds(50));
    }
    EXPECT_TRUE(ca.order_times.empty());
    std::filesystem::remove(root + "/ca.test/shop.example.com");
    EXPECT_TRUE(store->ensure_pair(wanted.front(), ca.now));
    EXPECT_TRUE(run(hours(1)));
  }
}

TEST_F(IssuerTest, AClockThatWasWrongDoesNotHoldItUp) {
  OrderRecord record;
  record.names = wanted.front();
  record.last_order = ca.now + hours(24 * 365);
  record.next_try = ca.now + hours(24 * 365 * 10);
  record.failures = 1;
  ASSERT_TRUE(store->keep_record("shop.example.com", record));
  start();
  EXPECT_TRUE(run(hours(2)));
}

TEST_F(IssuerTest, AClockThatGoesBackDoesNotHoldItUp) {
  ca.fault = [](Stage, const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
    return make_error(ErrorCode::resolve_failed, "no network yet");
  };
  const WallTime right = ca.now;
  ca.now += hours(24 * 400);  // before the time server is heard
  issuer->step(ca.now);
  ca.fault = nullptr;
  ca.now = right;
  EXPECT_TRUE(run(minutes(10)));
}

TEST_F(IssuerTest, OrdersThatRestAfterFailuresKeepNoOtherWaiting) {
  std::vector<Names> many;
  for (size_t i = 0; i < pace.most_orders; ++i) {
    many.push_back({"n" + std::to_string(i) + ".example.com"});
  }
  want(many);
  ca.fault = [](Stage stage, const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
    if (stage != Stage::challenge) return std::nullopt;
    return problem_response(503, "serverInternal", "busy", "36000");
  };
  while (issuer->counts().failed < many.size()) issuer->step(ca.now);
  ca.fault = nullptr;
  many.push_back({"shop.example.com"});
  want(many);
  EXPECT_TRUE(run(minutes(10)));
}

}  // namespace
}  // namespace flaskscale::acme
