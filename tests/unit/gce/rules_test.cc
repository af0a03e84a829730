// What answers, rows and codes of the API mean; the pace of calls; the ids of requests.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "scaler/providers/gce_call_budget.h"
#include "scaler/providers/gce_failure.h"
#include "scaler/providers/gce_group.h"
#include "scaler/providers/gce_lease.h"
#include "scaler/providers/gce_obstacle.h"
#include "scaler/providers/gce_parse.h"
#include "scaler/providers/gce_request_ids.h"
#include "scaler/providers/gce_row_state.h"
#include "scaler/providers/gce_settings.h"
#include "tests/unit/gce/scripted_cloud.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;
using std::chrono::seconds;

struct Row28 {
  int status;
  const char* reason;
  const char* detail;
  ErrorCode code;
  Retry retry;
  GcePause pause;
};

TEST(GceFailure, JudgesEveryRowOfTheTableByReasonAndStatus) {
  const Row28 table[] = {
      {400, "invalid", "", ErrorCode::misconfigured, Retry::never, GcePause::none},
      {400, "required", "", ErrorCode::misconfigured, Retry::never, GcePause::none},
      {400, "parseError", "", ErrorCode::misconfigured, Retry::never, GcePause::none},
      {400, "resourceNotReady", "", ErrorCode::unavailable, Retry::always, GcePause::back_off},
      {401, "authError", "", ErrorCode::misconfigured, Retry::never, GcePause::back_off},
      {403, "rateLimitExceeded", "", ErrorCode::unavailable, Retry::always, GcePause::next_minute},
      {403, "userRateLimitExceeded", "", ErrorCode::unavailable, Retry::always,
       GcePause::next_minute},
      {403, "rateLimitExceeded", "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED", ErrorCode::unavailable,
       Retry::always, GcePause::next_minute},
      {403, "quotaExceeded", "", ErrorCode::quota_exceeded, Retry::never, GcePause::none},
      {403, "forbidden", "", ErrorCode::permission_denied, Retry::never, GcePause::none},
      {403, "insufficientPermissions", "", ErrorCode::permission_denied, Retry::never,
       GcePause::none},
      {403, "accessNotConfigured", "", ErrorCode::permission_denied, Retry::never, GcePause::none},
      {404, "notFound", "", ErrorCode::not_found, Retry::never, GcePause::none},
      {409, "alreadyExists", "", ErrorCode::already_exists, Retry::never, GcePause::none},
      {409, "operationInProgress", "", ErrorCode::unavailable, Retry::always, GcePause::none},
      {409, "resourceInUseByAnotherResource", "", ErrorCode::unavailable, Retry::always,
       GcePause::none},
      {412, "conditionNotMet", "", ErrorCode::misconfigured, Retry::never, GcePause::none},
      {429, "rateLimitExceeded", "", ErrorCode::unavailable, Retry::always, GcePause::back_off},
      {500, "internalError", "", ErrorCode::unavailable, Retry::always, GcePause::back_off},
      {502, "", "", ErrorCode::unavailable, Retry::always, GcePause::back_off},
      {503, "backendError", "", ErrorCode::unavailable, Retry::always, GcePause::back_off},
      {504, "", "", ErrorCode::unavailable, Retry::always, GcePause::back_off},
  };
  for (const Row28& row : table) {
    const GceFailure failure = failure_of(refusal(row.status, row.reason, "text", row.detail), "x");
    SCOPED_TRACE(std::to_string(row.status) + " " + row.reason);
    EXPECT_EQ(failure.error.code, row.code);
    EXPECT_EQ(failure.error.retry, row.retry);
    EXPECT_EQ(failure.pause, row.pause);
    EXPECT_EQ(failure.token_refused, row.status == 401);
    EXPECT_NE(failure.error.detail.find("text"), std::string::npos);
  }
}

TEST(GceFailure, NeverJudgesByTheText) {
  const auto failure = failure_of(
      refusal(403, "forbidden", "Quota exceeded: rateLimitExceeded per minute per region"), "x");
  EXPECT_EQ(failure.error.code, ErrorCode::permission_denied);
}

TEST(GceFailure, SurvivesBodiesThatAreNoJsonOrNoObject) {
  for (const char* body : {"<html>502 Bad Gateway</html>", "", "[]", "null", R"({"error":"x"})",
                           R"({"error":{"errors":{}}})", R"({"error":{"errors":[1,null]}})"}) {
    EXPECT_EQ(failure_of(json_response(body, 502), "x").error.code, ErrorCode::unavailable);
    EXPECT_EQ(failure_of(json_response(body, 403), "x").error.code, ErrorCode::permission_denied);
  }
  EXPECT_EQ(failure_of(json_response("", 302), "x").error.code, ErrorCode::bad_message);
}

TEST(GceFailure, ReadsRetryAfterWithinReason) {
  HttpResponse response = refusal(429, "rateLimitExceeded");
  response.headers.emplace_back("retry-after", "17");
  EXPECT_EQ(failure_of(response, "x").retry_after, seconds(17));
  response.headers.back().second = "99999999";
  EXPECT_EQ(failure_of(response, "x").retry_after, seconds(600));
  response.headers.back().second = "Fri, 31 Dec 1999 23:59:59 GMT";
  EXPECT_EQ(failure_of(response, "x").retry_after, seconds(0));
}

TEST(GceFailure, NamesTheMissingPermission) {
  EXPECT_EQ(missing_permission("Required 'compute.zones.get' permission for 'projects/p/zones/z'"),
            "compute.zones.get");
  EXPECT_EQ(missing_permission("no"), "");
}

TEST(GceObstacle, ClassifiesTheCodesOfCreationAttempts) {
  const std::vector<std::pair<std::string, Obstacle>> codes = {
      {"ZONE_RESOURCE_POOL_EXHAUSTED", Obstacle::capacity},
      {"ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", Obstacle::capacity},
      {"RESOURCE_POOL_EXHAUSTED", Obstacle::capacity},
      {"INSUFFICIENT_CAPACITY", Obstacle::capacity},
      {"QUOTA_EXCEEDED", Obstacle::quota},
      {"IP_SPACE_EXHAUSTED", Obstacle::configuration},
      {"IP_SPACE_EXHAUSTED_WITH_DETAILS", Obstacle::configuration},
      {"PERMISSIONS_ERROR", Obstacle::configuration},
      {"CONDITION_NOT_MET", Obstacle::configuration},
      {"RESOURCE_NOT_FOUND", Obstacle::configuration},
      {"RESOURCE_ALREADY_EXISTS", Obstacle::other},
      {"INTERNAL_ERROR", Obstacle::other},
      {"SOMETHING_NEW", Obstacle::other},
      {"RESOURCE_NOT_READY", Obstacle::none},
      {"RESOURCE_OPERATION_RATE_EXCEEDED", Obstacle::none},
  };
  for (const auto& [code, obstacle] : codes) {
    EXPECT_EQ(obstacle_of({{code, "", ""}}), obstacle) << code;
  }
  EXPECT_EQ(obstacle_of({{"NEW", "", "resource_availability"}}), Obstacle::capacity);
  EXPECT_EQ(obstacle_of(std::vector<GceProblem>{}), Obstacle::none);
  EXPECT_EQ(obstacle_of({{"INTERNAL_ERROR", "", ""}, {"QUOTA_EXCEEDED", "", ""}}), Obstacle::quota);
}

TEST(GceCallBudget, LetsAtMostSoManyCallsInAnyMinute) {
  GceCallBudget budget(40);
  Time now{seconds(1000)};
  int made = 0;
  std::vector<Time> times;
  for (int tenth = 0; tenth < 3000; ++tenth) {
    now += std::chrono::milliseconds(100);
    if (budget.wait(GceCallBudget::Use::change, now) > Duration::zero()) continue;
    budget.on_call(now);
    times.push_back(now);
    ++made;
  }
  for (size_t i = 40; i < times.size(); ++i) EXPECT_GE(times[i] - times[i - 40], seconds(60));
  EXPECT_GE(made, 5 * 40);
}

TEST(GceCallBudget, ReadingLeavesAQuarterToChanges) {
  GceCallBudget budget(40);
  const Time now{seconds(1000)};
  for (int i = 0; i < 30; ++i) budget.on_call(now);
  EXPECT_EQ(budget.wait(GceCallBudget::Use::read, now), seconds(60));
  EXPECT_EQ(budget.wait(GceCallBudget::Use::change, now), seconds(0));
}

TEST(GceCallBudget, WaitsForTheNextMinuteWithJitter) {
  GceCallBudget budget(40);
  Random random(3);
  const Time now{seconds(1000)};
  budget.pause_to_next_minute(now, WallTime(seconds(1'700'000'010 - 10 + 15)), random);
  const Duration wait = budget.wait(GceCallBudget::Use::change, now);
  const auto into_minute = (1'700'000'015) % 60;
  EXPECT_GE(wait, seconds(60 - into_minute));
  EXPECT_LE(wait, seconds(66 - into_minute));
}

TEST(GceCallBudget, BacksOffExponentiallyUpToAMinuteAndForgetsItOnSuccess) {
  GceCallBudget budget(1000);
  Random random(4);
  Time now{seconds(1000)};
  Duration longest{};
  for (int i = 0; i < 50; ++i) {
    budget.back_off({}, now, random);
    const Duration wait = budget.wait(GceCallBudget::Use::read, now);
    EXPECT_LE(wait, seconds(60));
    longest = std::max(longest, wait);
    now += wait;
  }
  EXPECT_GT(longest, seconds(30));
  budget.on_success();
  budget.back_off({}, now, random);
  EXPECT_LE(budget.wait(GceCallBudget::Use::read, now), seconds(1));
  budget.back_off(seconds(33), now, random);
  EXPECT_GE(budget.wait(GceCallBudget::Use::read, now), seconds(33));
}

TEST(GceRequestIds, AreUuidsThatFollowTheActionAndTheBody) {
  GceRequestIds ids;
  const std::string id = ids.id_of("action", "createInstances", "z", {"a", "b"});
  EXPECT_TRUE(std::regex_match(
      id, std::regex("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")))
      << id;
  EXPECT_EQ(id, ids.id_of("action", "createInstances", "z", {"a", "b"}));
  EXPECT_EQ(id, GceRequestIds().id_of("action", "createInstances", "z", {"a", "b"}));
  const std::set<std::string> all = {id,
                                     ids.id_of("other", "createInstances", "z", {"a", "b"}),
                                     ids.id_of("action", "deleteInstances", "z", {"a", "b"}),
                                     ids.id_of("action", "createInstances", "y", {"a", "b"}),
                                     ids.id_of("action", "createInstances", "z", {"ab"}),
                                     ids.id_of("action", "createInstances", "z", {"b", "a"})};
  EXPECT_EQ(all.size(), 6U);
}

TEST(GceRequestIds, ARepetitionOfWhatIsOverIsAnotherRequest) {
  GceRequestIds ids;
  const std::string first = ids.id_of("action", "deleteInstances", "z", {"a"});
  ids.on_over(first);
  const std::string second = ids.id_of("action", "deleteInstances", "z", {"a"});
  EXPECT_NE(first, second);
  EXPECT_EQ(second, ids.id_of("action", "deleteInstances", "z", {"a"}));
  for (int i = 0; i < 10'000; ++i) ids.on_over(std::to_string(i));  // stays bounded
}

GceRow row(const char* action, const char* status, const char* id = "7") {
  GceRow made;
  made.name = "shop-a";
  made.action = action;
  made.status = status;
  made.id = id;
  return made;
}

TEST(GceRowState, IsUsableOnlyAtRestWithARunningMachine) {
  const char* const actions[] = {"NONE",
                                 "VERIFYING",
                                 "REFRESHING",
                                 "CREATING",
                                 "RECREATING",
                                 "DELETING",
                                 "ABANDONING",
                                 "RESTARTING",
                                 "STARTING",
                                 "STOPPING",
                                 "SUSPENDING",
                                 "RESUMING",
                                 "CREATING_WITHOUT_RETRIES",
                                 "BREWING",
                                 ""};
  const char* const statuses[] = {
      "",          "PENDING",        "PROVISIONING", "STAGING",   "RUNNING",
      "STOPPING",  "STOPPED",        "TERMINATED",   "SUSPENDED", "SUSPENDING",
      "REPAIRING", "DEPROVISIONING", "PENDING_STOP", "DREAMING"};
  for (const char* action : actions) {
    for (const char* status : statuses) {
      const std::string_view a = action;
      const bool at_rest = a == "NONE" || a == "VERIFYING" || a == "REFRESHING";
      const bool expected = at_rest && std::string_view(status) == "RUNNING";
      EXPECT_EQ(state_of(row(action, status), "7") == GceRowState::usable, expected)
          << action << " " << status;
    }
  }
}

TEST(GceRowState, TellsLeavingFromMakingAndOff) {
  EXPECT_EQ(state_of(row("DELETING", "RUNNING"), "7"), GceRowState::leaving);
  EXPECT_EQ(state_of(row("NONE", "PENDING_STOP"), "7"), GceRowState::leaving);
  EXPECT_EQ(state_of(row("NONE", "STOPPING"), "7"), GceRowState::leaving);
  EXPECT_EQ(state_of(row("NONE", "TERMINATED"), "7"), GceRowState::off);
  EXPECT_EQ(state_of(row("STOPPING", "RUNNING"), "7"), GceRowState::stopping);
  EXPECT_EQ(state_of(row("RECREATING", "STOPPING"), "7"), GceRowState::leaving);
  EXPECT_EQ(state_of(row("RECREATING", "", ""), "7"), GceRowState::making);
  EXPECT_EQ(state_of(row("RECREATING", "RUNNING", "8"), "7"), GceRowState::making);
  EXPECT_EQ(state_of(row("RECREATING", "RUNNING", "7"), "7"), GceRowState::leaving);
  EXPECT_EQ(state_of(row("STARTING", "TERMINATED"), "7"), GceRowState::making);
  EXPECT_EQ(state_of(row("BREWING", "RUNNING"), "7"), GceRowState::unclear);
}

TEST(GceRowState, ReportsAFailedCreationAsAnObstacleUntilThereIsAMachine) {
  GceRow failing = row("CREATING", "", "");
  failing.problems = {{"ZONE_RESOURCE_POOL_EXHAUSTED", "none left", ""}};
  EXPECT_EQ(report_of(failing, {.zone = "z", .used_id = {}, .address = {}}).obstacle,
            Obstacle::capacity);
  failing.status = "STAGING";
  EXPECT_EQ(report_of(failing, {.zone = "z", .used_id = {}, .address = {}}).obstacle,
            Obstacle::none);
}

TEST(GceParse, ComparesResourcesWhateverTheirHostVersionAndProjectNumber) {
  const char* const plain = "projects/shop/zones/z/instanceGroupManagers/g";
  EXPECT_TRUE(
      same_resource("https://www.googleapis.com/compute/beta/" + std::string(plain), plain));
  EXPECT_TRUE(
      same_resource("https://compute.googleapis.com/compute/v1/projects/1234/zones/z/"
                    "instanceGroupManagers/g",
                    plain));
  EXPECT_FALSE(same_resource("projects/other/zones/z/instanceGroupManagers/g", plain));
  EXPECT_FALSE(same_resource("projects/shop/zones/z/instanceGroupManagers/h", plain));
}

TEST(GceParse, BelievesNothing) {
  for (const char* text : {"null", "[]", "3", R"({"name":5})", R"({"name":"UPPER"})",
                           R"({"name":"a/b"})", R"({"instance":"zones/z/instances/"})"}) {
    EXPECT_FALSE(parse_row(Json::parse(text)).has_value()) << text;
  }
  const auto from_url = parse_row(Json::parse(R"({"instance":"https://h/x/instances/shop-b"})"));
  EXPECT_EQ(from_url->name, "shop-b");
  const auto odd = parse_row(Json::parse(
      R"({"name":"a","id":12,"instanceStatus":[],"lastAttempt":{"errors":{"errors":[3,{"code":4}]}}})"));
  ASSERT_TRUE(odd.has_value());
  EXPECT_EQ(odd->id, "12");
  EXPECT_EQ(odd->problems.size(), 1U);
  EXPECT_TRUE(parse_group(Json::parse("[]")).templates.empty());
  EXPECT_TRUE(parse_group(Json::parse(R"({"versions":3,"namedPorts":[3],"status":null})"))
                  .templates.empty());
  EXPECT_FALSE(parse_operation(Json::parse(R"({"name":"../../x"})")).has_value());
  EXPECT_FALSE(parse_operation(Json::parse("{}")).has_value());
  EXPECT_EQ(
      parse_operation(Json::parse(R"({"name":"o","status":"DONE","httpErrorStatusCode":503})"))
          ->problems.size(),
      1U);
}

TEST(GceSettings, TakesTheEnvironmentOnlyWhereTheConfigurationIsOpen) {
  const auto variable = [](const char* name) -> const char* {
    return std::string_view(name) == "GCE_METADATA_HOST" ? "127.0.0.1:99" : "/key.json";
  };
  GceSettings open;
  complete_from_environment(open, variable);
  EXPECT_EQ(open.credentials.key_file, "/key.json");
  EXPECT_EQ(open.credentials.metadata_host, "127.0.0.1:99");
  GceSettings named;
  named.credentials.access_token_file = "/token";
  complete_from_environment(named, variable);
  EXPECT_EQ(named.credentials.key_file, "");
}

TEST(GceSettings, NamesWhatIsWrong) {
  GceSettings settings;
  settings.project = "Shop_";
  settings.zones = {"z", "z", "A"};
  settings.group = "-";
  settings.endpoint = "compute.googleapis.com";
  settings.calls_per_minute = 1;
  settings.list_interval = seconds(0);
  EXPECT_EQ(problems_of(settings).size(), 8U);
  settings = {.pool = "shop",
              .project = "shop",
              .zones = {"z"},
              .group = "g",
              .port = 8000,
              .credentials = {},
              .ca_file = {},
              .owner = {}};
  EXPECT_TRUE(problems_of(settings).empty());
}

TEST(GceGroup, RefusesPoliciesAndAutoscalersThatWouldInterfere) {
  GceGroupInfo info;
  EXPECT_EQ(refusal_of(info, "g", "z"), "");
  info.update_type = "PROACTIVE";
  info.replacement_method = "SUBSTITUTE";
  EXPECT_NE(refusal_of(info, "g", "z").find("OPPORTUNISTIC"), std::string::npos);
  info.replacement_method = "RECREATE";
  EXPECT_EQ(refusal_of(info, "g", "z"), "");
  info.autoscaler = "projects/p/zones/z/autoscalers/cpu";
  EXPECT_NE(refusal_of(info, "g", "z").find("cpu"), std::string::npos);
}

// Several programs over one description, each looking at it now and then.
class LeaseTest : public testing::Test {
 protected:
  void look(GceLease& lease) {
    if (const auto text = lease.look_at(description_, now_)) {
      description_ = *text;
      lease.on_written();
      ++writes_;
    }
  }
  std::string description_ = "web machines";
  int writes_ = 0;
  Time now_{seconds(1000)};
  GceLease first_{"aa", seconds(60)};
  GceLease second_{"bb", seconds(60)};
};

TEST_F(LeaseTest, IsTakenWhereThereIsNoneAndKeepsWhatIsWritten) {
  EXPECT_FALSE(first_.is_held());
  look(first_);
  EXPECT_TRUE(first_.is_held());
  EXPECT_EQ(description_, "web machines [flaskscale owner=aa]");
  EXPECT_EQ(first_.look_at(description_, now_), std::nullopt);
  EXPECT_TRUE(GceLease("", seconds(60)).is_held());
  GceLease again("aa", seconds(60));
  EXPECT_EQ(again.look_at(description_, now_), std::nullopt);
  EXPECT_TRUE(again.is_held()) << "after a restart at once";
}

TEST_F(LeaseTest, AnOwnerThatLivesKeepsItWithFewWrites) {
  look(first_);
  for (int i = 0; i < 360; ++i) {
    now_ += seconds(10);
    look(second_);
    look(first_);
    EXPECT_TRUE(first_.is_held());
    EXPECT_FALSE(second_.is_held());
    EXPECT_EQ(second_.holder(), "aa");
  }
  EXPECT_LE(writes_, 2 * 60) << "in an hour, of both";
  EXPECT_EQ(description_, "web machines [flaskscale owner=aa]");
}

TEST_F(LeaseTest, AnOwnerThatIsGoneLosesItAfterAMinuteAndSeesThat) {
  look(first_);
  int seconds_to_take = 0;
  while (!second_.is_held() && seconds_to_take < 600) {
    look(second_);
    now_ += seconds(10);
    seconds_to_take += 10;
  }
  EXPECT_GE(seconds_to_take, 60);
  EXPECT_LE(seconds_to_take, 90);
  look(first_);
  EXPECT_FALSE(first_.is_held());
  EXPECT_EQ(first_.holder(), "bb");
}

TEST_F(LeaseTest, WithoutTheRightToWriteItScalesUnlessThereIsAnOwner) {
  ASSERT_TRUE(first_.look_at(description_, now_).has_value());
  first_.on_unwritable();
  EXPECT_TRUE(first_.is_held());
  ASSERT_TRUE(second_.look_at("[flaskscale owner=aa]", now_).has_value());
  second_.on_unwritable();
  EXPECT_FALSE(second_.is_held());
}

}  // namespace
}  // namespace flaskscale::scaler
