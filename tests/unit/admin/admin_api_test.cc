#include "proxy/admin/admin_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/unit/admin/fake_status_source.h"

namespace flaskscale::admin {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AdminApiTest : public testing::Test {
 protected:
  AdminResponse ask(std::string_view method, std::string_view target, std::string_view host = {},
                    std::string_view origin = {}) {
    return api_.handle({method, target, "", host, origin});
  }

  FakeStatusSource source_;
  AdminApi api_{source_};
};

TEST_F(AdminApiTest, IsAliveInEveryState) {
  for (const auto state : {ServerState::starting, ServerState::ready, ServerState::draining}) {
    source_.server.state = state;
    const AdminResponse response = ask("GET", "/healthz");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "ok\n");
  }
}

TEST_F(AdminApiTest, IsReadyOnlyWhileServing) {
  source_.server.state = ServerState::starting;
  EXPECT_EQ(ask("GET", "/readyz").status, 503);
  EXPECT_EQ(ask("GET", "/readyz").body, "starting\n");
  source_.server.state = ServerState::ready;
  EXPECT_EQ(ask("GET", "/readyz").status, 200);
  EXPECT_EQ(ask("GET", "/readyz").body, "ready\n");
  source_.server.state = ServerState::draining;
  EXPECT_EQ(ask("GET", "/readyz").status, 503);
  EXPECT_EQ(ask("GET", "/readyz").body, "draining\n");
}

TEST_F(AdminApiTest, ShowsTheServer) {
  const AdminResponse response = ask("GET", "/api/v1/status?pretty=1");

  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  const json status = json::parse(response.body);
  EXPECT_EQ(status["version"], "0.1.0");
  EXPECT_EQ(status["commit"], "abc1234");
  EXPECT_EQ(status["generation"], 7);
  EXPECT_EQ(status["state"], "ready");
  EXPECT_EQ(status["uptime_seconds"], 12.3);
  EXPECT_EQ(status["connections"], 12);
  EXPECT_EQ(status["last_reload"], json::parse(R"({"success":true,"seconds_ago":3.2,"error":""})"));
  EXPECT_EQ(status["listeners"],
            json::parse(R"([{"name":"web","addresses":["127.0.0.1:8080","[::1]:8080"]}])"));
}

TEST_F(AdminApiTest, ShowsAPool) {
  const json pool = json::parse(ask("GET", "/api/v1/status").body)["pools"][0];

  EXPECT_EQ(pool["name"], "demo");
  EXPECT_EQ(pool["balance"], "least_connections");
  EXPECT_EQ(pool["slots"], 8);
  EXPECT_EQ(pool["in_flight"], 3);
  EXPECT_EQ(pool["queue"], json::parse(R"({"depth":5,"bytes":4096,"oldest_seconds":0.75,
      "predicted_wait_seconds":0.5,"limit":1000,"refused_total":1,"client_left_total":1,
      "idle_slot_while_queued_seconds":0.0})"));
  EXPECT_EQ(pool["requests_total"], 124);
  EXPECT_EQ(pool["responses"]["2xx"], 120);
  EXPECT_EQ(pool["responses"]["3xx"], 0);
  EXPECT_EQ(pool["responses"]["4xx"], 1);
  EXPECT_EQ(pool["responses"]["5xx"], 2);
  EXPECT_EQ(pool["responses"]["none"], 1);
  EXPECT_EQ(pool["reasons"], json::parse(R"({"queue_full":1,"connect_failed":1,"client_left":1})"));
  EXPECT_GT(pool["request_seconds"]["p99"], 0.005);
  EXPECT_GE(pool["queue_wait_seconds"]["p50"], 0.0);
  EXPECT_EQ(pool["backends"][0], json::parse(R"({"address":"127.0.0.1:5001","state":"ready",
      "up":true,"ejected":false,"drained_by_operator":false,"in_flight":1,"limit":4,"weight":1,
      "up_seconds":1.5,"instance":"demo-ab12"})"));
  EXPECT_EQ(pool["backends"][1]["state"], "draining");
  EXPECT_EQ(pool["backends"][1]["instance"], "");
}

TEST_F(AdminApiTest, ShowsTheScaler) {
  const json status = json::parse(ask("GET", "/api/v1/status").body);

  EXPECT_EQ(status["pools"][1]["scaling"], nullptr);
  const json scaling = status["pools"][0]["scaling"];
  EXPECT_EQ(scaling["provider"], "process");
  EXPECT_EQ(scaling["mode"], "act");
  EXPECT_EQ(scaling["desired"], 3);
  EXPECT_EQ(scaling["offered_load"], 2.4);
  EXPECT_EQ(scaling["instances_by_state"]["booting"], 1);
  EXPECT_EQ(scaling["instances_by_state"].size(), 7U);
  EXPECT_EQ(scaling["instances_by_state"]["standby"], 2);
  EXPECT_EQ(scaling["instances"][0]["name"], "demo-ab12");
  EXPECT_EQ(scaling["instances"][0]["id"], "4711");
  EXPECT_EQ(scaling["instances"][0]["zone"], "us-a");
  EXPECT_EQ(scaling["instances"][0]["version"], "v3");
  EXPECT_EQ(scaling["forecast"], "trend");
  EXPECT_EQ(scaling["last_error"], "the list failed");
  EXPECT_EQ(scaling["alarms"][0]["alarm"], "stockout");
  EXPECT_EQ(scaling["alarms"][0]["seconds"], 12.5);
  EXPECT_EQ(scaling["hook_events"]["delivered"], 5);
  EXPECT_EQ(scaling["last_decision"]["number"], 12);
}

TEST_F(AdminApiTest, ShowsWhatHasNoLimitAsNull) {
  const json pool = json::parse(ask("GET", "/api/v1/status").body)["pools"][1];

  EXPECT_EQ(pool["slots"], nullptr);
  EXPECT_EQ(pool["backends"][0]["limit"], nullptr);
}

TEST_F(AdminApiTest, ShowsDecisions) {
  const AdminResponse response = ask("GET", "/api/v1/pools/demo/decisions");

  ASSERT_EQ(response.status, 200);
  const json answer = json::parse(response.body);
  EXPECT_EQ(answer["pool"], "demo");
  ASSERT_EQ(answer["decisions"].size(), 1U);
  const json decision = answer["decisions"][0];
  EXPECT_EQ(decision["number"], 12);
  EXPECT_EQ(decision["time"], "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(decision["action"], "scale_out");
  EXPECT_EQ(decision["inputs"]["arrival_rate"], 12.0);
  EXPECT_EQ(decision["repeats"], 1);
}

TEST_F(AdminApiTest, ShowsNoDecisionsOfAPoolWithoutScaler) {
  EXPECT_EQ(json::parse(ask("GET", "/api/v1/pools/plain/decisions").body)["decisions"],
            json::array());
}

TEST_F(AdminApiTest, KnowsNoDecisionsOfAnUnknownPool) {
  const AdminResponse response = ask("GET", "/api/v1/pools/n%22one/decisions");

  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(json::parse(response.body)["error"].get<std::string>(), HasSubstr("n\"one"));
}

TEST_F(AdminApiTest, DrainsAndUndrains) {
  const AdminResponse drained = ask("POST", "/api/v1/pools/demo/backends/127.0.0.1:5001/drain");
  const AdminResponse back =
      ask("POST", "/api/v1/pools/demo/backends/%5B%3a%3A1%5D%3A5002/undrain");

  EXPECT_EQ(drained.status, 200);
  EXPECT_EQ(json::parse(drained.body),
            json::parse(R"({"address":"127.0.0.1:5001","state":"draining","in_flight":4})"));
  EXPECT_EQ(json::parse(back.body)["state"], "ready");
  EXPECT_THAT(source_.calls, ElementsAre("drain demo 127.0.0.1:5001", "undrain demo [::1]:5002"));
}

TEST_F(AdminApiTest, SaysWhyADrainFailed) {
  EXPECT_EQ(ask("POST", "/api/v1/pools/none/backends/a:1/drain").status, 404);
  source_.next_error = make_error(ErrorCode::invalid_argument, "not so");
  EXPECT_EQ(ask("POST", "/api/v1/pools/demo/backends/a:1/drain").status, 400);
  source_.next_error = make_error(ErrorCode::unavailable, "stopping");
  EXPECT_EQ(ask("POST", "/api/v1/pools/demo/backends/a:1/drain").status, 503);
  source_.next_error = make_error(ErrorCode::internal, "broken \xff");
  const AdminResponse response = ask("POST", "/api/v1/pools/demo/backends/a:1/undrain");
  EXPECT_EQ(response.status, 500);
  EXPECT_TRUE(json::accept(response.body));
}

TEST_F(AdminApiTest, NamesTheMethodsThatAPathTakes) {
  for (const auto* target :
       {"/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/pools/demo/decisions"}) {
    const AdminResponse response = ask("POST", target);
    EXPECT_EQ(response.status, 405) << target;
    EXPECT_EQ(response.allow, "GET, HEAD");
    EXPECT_TRUE(json::parse(response.body).contains("error"));
  }
  for (const auto* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "get", ""}) {
    const AdminResponse response = ask(method, "/api/v1/pools/demo/backends/a:1/drain");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.allow, "POST");
  }
  EXPECT_THAT(source_.calls, IsEmpty());
}

TEST_F(AdminApiTest, AnswersHeadAsGetButForTheBody) {
  const AdminResponse head = ask("HEAD", "/healthz");
  const AdminResponse get = ask("GET", "/healthz");

  EXPECT_TRUE(head.head_only);
  EXPECT_FALSE(get.head_only);
  EXPECT_EQ(head.status, get.status);
  EXPECT_EQ(head.body, get.body);
  EXPECT_EQ(head.content_type, get.content_type);
  EXPECT_TRUE(ask("HEAD", "/nothing").head_only);
}

TEST_F(AdminApiTest, KnowsNoOtherPath) {
  for (const auto* target :
       {"/", "//", "/api", "/api/v1", "/api/v1/", "/api/v2/status", "/api/v1/status/", "/healthz/",
        "/api/v1/pools", "/api/v1/pools/demo", "/api/v1/pools/demo/decisions/x",
        "/api/v1/pools/demo/backends/a:1/kill", "/api/v1/pools/demo/backends/a/b/drain"}) {
    const AdminResponse response = ask("GET", target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_EQ(response.content_type, "application/json");
    EXPECT_TRUE(response.allow.empty());
  }
}

TEST_F(AdminApiTest, RefusesAMalformedTarget) {
  for (const auto* target :
       {"", "healthz", "*", "?x", "/%", "/%4", "/%zz", "/api/v1/pools/%g0/x"}) {
    EXPECT_EQ(ask("GET", target).status, 400) << target;
  }
}

TEST_F(AdminApiTest, TakesEncodedSlashesAsPartOfAName) {
  EXPECT_EQ(ask("POST", "/api/v1/pools/demo/backends/a%2Fb%00/drain").status, 200);
  EXPECT_THAT(source_.calls, ElementsAre("drain demo a/b" + std::string(1, '\0')));
}

TEST_F(AdminApiTest, RefusesChangesByPagesOfAnotherOrigin) {
  const char* target = "/api/v1/pools/demo/backends/a:1/drain";

  EXPECT_EQ(ask("POST", target, "127.0.0.1:9901", "https://evil.example").status, 403);
  EXPECT_EQ(ask("POST", target, "127.0.0.1:9901", "null").status, 403);
  EXPECT_THAT(source_.calls, IsEmpty());
  EXPECT_EQ(ask("POST", target, "127.0.0.1:9901", "http://127.0.0.1:9901").status, 200);
}

TEST_F(AdminApiTest, StaysValidJsonWhateverTheValuesAre) {
  source_.server.last_reload = {false, 1, "line 3: \"x\xff\"\n"};
  source_.server.pools[0].predicted_wait_seconds = std::numeric_limits<double>::infinity();
  source_.server.pools[0].load.oldest_wait_seconds = std::numeric_limits<double>::quiet_NaN();

  const json status = json::parse(ask("GET", "/api/v1/status").body);

  EXPECT_EQ(status["last_reload"]["error"], "line 3: \"x\xef\xbf\xbd\"\n");
  EXPECT_EQ(status["pools"][0]["queue"]["predicted_wait_seconds"], nullptr);
}

TEST_F(AdminApiTest, AnswersAnyBytes) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string target = round % 2 == 0 ? "/" : "/api/v1/pools/";
    for (size_t n = random() % 40; n > 0; --n) {
      target.push_back(random() % 4 == 0 ? "/%?."[random() % 4] : static_cast<char>(random()));
    }
    const AdminResponse response = ask("GET", target);
    EXPECT_TRUE(response.status == 404 || response.status == 400 || response.status == 405);
    EXPECT_TRUE(json::accept(response.body));
  }
}

}  // namespace
}  // namespace flaskscale::admin
