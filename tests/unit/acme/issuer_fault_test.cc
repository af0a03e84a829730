// A directory that fails at every step in every way.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <optional>

#include "tests/unit/acme/issuer_fixture.h"

namespace flaskscale::acme {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

struct Way {
  const char* name;
  std::function<FakeDirectory::Answer()> answer;
};

scaler::HttpResponse plain(int status, std::string body) {
  scaler::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

std::vector<Way> ways() {
  using Answer = FakeDirectory::Answer;
  return {
      {"unreachable", [] { return Answer(make_error(ErrorCode::connect_failed, "refused")); }},
      {"times out", [] { return Answer(make_error(ErrorCode::timed_out, "too slow")); }},
      {"untrusted", [] { return Answer(make_error(ErrorCode::misconfigured, "self-signed")); }},
      {"cancelled", [] { return Answer(make_error(ErrorCode::cancelled, "ends")); }},
      {"html 502", [] { return Answer(plain(502, "<html>Bad Gateway</html>")); }},
      {"503 later", [] { return Answer(problem_response(503, "serverInternal", "busy", "120")); }},
      {"429", [] { return Answer(problem_response(429, "rateLimited", "too many", "300")); }},
      {"429 silent", [] { return Answer(plain(429, "")); }},
      {"refused", [] { return Answer(problem_response(403, "unauthorized", "no")); }},
      {"malformed", [] { return Answer(problem_response(400, "malformed", "what?")); }},
      {"gone", [] { return Answer(problem_response(404, "malformed", "no such")); }},
      {"no account", [] { return Answer(problem_response(400, "accountDoesNotExist")); }},
      {"bad nonces", [] { return Answer(problem_response(400, "badNonce")); }},
      {"not ready", [] { return Answer(problem_response(403, "orderNotReady")); }},
      {"redirect", [] { return Answer(plain(302, "")); }},
      {"empty", [] { return Answer(plain(200, "")); }},
      {"nonsense", [] { return Answer(plain(200, "{\"status\":[1,2],\"error\":7}")); }},
      {"not utf-8", [] { return Answer(plain(400, "{\"detail\":\"\xff\xfe\"}")); }},
      {"list", [] { return Answer(plain(200, "[[[[]]]]")); }},
  };
}

class IssuerFaultTest : public IssuerTest, public testing::WithParamInterface<Stage> {};

TEST_P(IssuerFaultTest, RecoversFromEveryFailureWithoutAStorm) {
  for (const Way& way : ways()) {
    SCOPED_TRACE(way.name);
    std::filesystem::remove_all(root);
    ca.forget_everything();
    ca.requests.clear();
    ca.order_times.clear();
    int left = 2;
    ca.fault = [&](Stage stage,
                   const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
      if (stage != GetParam() || left == 0) return std::nullopt;
      --left;
      return way.answer();
    };
    start();
    ASSERT_TRUE(run(hours(24))) << only_job().last_error;
    EXPECT_TRUE(board.entries.empty());
    // A challenge whose answer was taken for one is waited for: ten minutes of looks.
    EXPECT_LT(ca.requests.size(), GetParam() == Stage::challenge ? 500U : 150U);
    for (size_t i = 1; i < ca.order_times.size(); ++i) {
      if (std::string(way.name) == "bad nonces") break;  // repeated at once, as it must be
      EXPECT_GE(ca.order_times[i] - ca.order_times[i - 1], minutes(1));
    }
  }
}

TEST_P(IssuerFaultTest, AFailureForEverCostsLittle) {
  for (const Way& way : ways()) {
    SCOPED_TRACE(way.name);
    if (std::string(way.name) == "cancelled") continue;  // by us, so that the program ends
    const auto answer = way.answer();
    // A nonce is in the head of any answer.
    if (GetParam() == Stage::nonce && answer && answer->status == 200) continue;
    std::filesystem::remove_all(root);
    ca.forget_everything();
    ca.requests.clear();
    ca.fault = [&](Stage stage,
                   const scaler::HttpRequest&) -> std::optional<FakeDirectory::Answer> {
      if (stage != GetParam()) return std::nullopt;
      return way.answer();
    };
    start();
    EXPECT_FALSE(run(hours(6)));
    // Where nonces are refused each try is twenty requests.
    const size_t bound = std::string(way.name) == "bad nonces" ? 1000 : 600;
    EXPECT_LT(ca.requests.size(), bound);
  }
}

INSTANTIATE_TEST_SUITE_P(Stages, IssuerFaultTest,
                         testing::Values(Stage::directory, Stage::nonce, Stage::account,
                                         Stage::order, Stage::authorization, Stage::challenge,
                                         Stage::look, Stage::finalize, Stage::certificate));

}  // namespace
}  // namespace flaskscale::acme
