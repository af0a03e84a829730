// What can be wrong in [pools.NAME], but for its scaling.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;

// The lines begin in line 2 of the file; the pool has a backend.
std::vector<std::string> problems_with(std::string_view lines) {
  return problems_of(with_pool("backends = [\"10.0.0.1:80\"]\n" + std::string(lines)));
}

TEST(PoolProblems, TellsAPoolThatServesNothing) {
  const std::string hint = " (add backends = [\"10.0.0.5:8000\"] or [pools.app.scaling])";
  EXPECT_THAT(problems_of(with_pool("")),
              ElementsAre("1:1: pool \"app\" has neither backends nor scaling" + hint));
  EXPECT_THAT(problems_of(with_pool("backends = []")),
              ElementsAre("1:1: pool \"app\" has neither backends nor scaling" + hint));
}

TEST(PoolProblems, TellsBadBackends) {
  const std::string hint = " (a host and a port, such as \"10.0.0.5:8000\")";
  EXPECT_THAT(
      problems_of(with_pool(R"(backends = ["10.0.0.5", "h:0", "http://h:80", 80,
  { address = "h:99999" }, { weight = 2 }, { address = 7 }, { address = "h:1", weight = 0, weigt = 1 }]
)")),
      ElementsAre(
          "2:13: pools.app.backends: \"10.0.0.5\" needs a port: write \"host:port\"" + hint,
          "2:25: pools.app.backends: \"h:0\" has no port to connect to" + hint,
          "2:32: pools.app.backends: \"http://h:80\" is not \"host:port\"" + hint,
          "2:47: pools.app.backends must hold addresses, not a whole number",
          "3:15: pools.app.backends: \"h:99999\" needs a port from 0 to 65535 behind the colon" +
              hint,
          "3:28: pools.app.backends: a backend without an address",
          "3:56: pools.app.backends.address must be a text, not a whole number",
          "3:89: pools.app.backends.weight must be from 1 to 1000, not 0",
          "3:92: unknown key \"weigt\" in [pools.app.backends] (did you mean \"weight\"?)"));
}

TEST(PoolProblems, TellsABackendThatIsThereTwice) {
  EXPECT_THAT(
      problems_of(with_pool("backends = [\"h:80\", { address = \"H:80\" }]")),
      ElementsAre("2:33: pools.app.backends: \"h:80\" is there twice (give it a weight instead)"));
}

TEST(PoolProblems, TellsValuesOutOfRange) {
  EXPECT_THAT(problems_with(R"(slots = 0
slow_start = "25h"
keepalive = { idle = "25h" }
retry = { budget = -0.1, floor = 10001 }
[pools.app.queue]
limit = 1000001
bytes = "2TiB"
timeout = "0s"
slow_after = "0s"
[pools.app.health]
interval = "1ms"
timeout = "2h"
rise = 0
fall = 1001
)"),
              ElementsAre("3:9: pools.app.slots must be from 1 to 1000000, not 0",
                          "4:14: pools.app.slow_start must be from 0s to 1d, not 25h",
                          "5:22: pools.app.keepalive.idle must be from 0s to 1d, not 25h",
                          "6:20: pools.app.retry.budget must be from 0 to 10, not -0.1",
                          "6:34: pools.app.retry.floor must be from 0 to 10000, not 10001",
                          "8:9: pools.app.queue.limit must be from 0 to 1000000, not 1000001",
                          "9:9: pools.app.queue.bytes must be from 0B to 1TiB, not 2TiB",
                          "10:11: pools.app.queue.timeout must be from 1ms to 1d, not 0s",
                          "11:14: pools.app.queue.slow_after must be from 1ms to 1d, not 0s",
                          "13:12: pools.app.health.interval must be from 10ms to 1h, not 1ms",
                          "14:11: pools.app.health.timeout must be from 1ms to 1h, not 2h",
                          "15:8: pools.app.health.rise must be from 1 to 1000, not 0",
                          "16:8: pools.app.health.fall must be from 1 to 1000, not 1001"));
}

TEST(PoolProblems, TellsRatiosThatAreNone) {
  EXPECT_THAT(problems_with("retry.budget = nan\n"),
              ElementsAre("3:16: pools.app.retry.budget must be from 0 to 10, not nan"));
  EXPECT_THAT(
      problems_with("retry.budget = \"0.2\"\n"),
      ElementsAre("3:16: pools.app.retry.budget must be a number, not a text (write it without "
                  "quotes)"));
}

TEST(PoolProblems, TellsWordsThatAreNotAllowed) {
  EXPECT_THAT(
      problems_with(
          "balance = \"least_connection\"\nprotocol = \"http2\"\nqueue.order = \"lifo\"\n"),
      ElementsAre("3:11: pools.app.balance must be one of \"least_connections\", \"round_robin\", "
                  "\"random_two\", \"consistent_hash\", not \"least_connection\" (did you mean "
                  "\"least_connections\"?)",
                  "4:12: pools.app.protocol must be one of \"http1\", \"h2c\", not \"http2\" (did "
                  "you mean \"http1\"?)",
                  "5:15: pools.app.queue.order must be one of \"adaptive\", \"fifo\", not \"lifo\" "
                  "(did you mean \"fifo\"?)"));
}

TEST(PoolProblems, TellsWhatDoesNotGoWithH2c) {
  EXPECT_THAT(problems_with("protocol = \"h2c\"\n"), ElementsAre());
  EXPECT_THAT(problems_with("protocol = \"h2c\"\ntls = {}\n"),
              ElementsAre("4:1: pools.app.tls and protocol = \"h2c\" exclude each other (h2c is "
                          "HTTP/2 without TLS; with TLS, backends speak \"http1\")"));
  EXPECT_THAT(problems_with("protocol = \"h2c\"\nproxy_protocol = \"v1\"\n"),
              ElementsAre("4:1: pools.app.proxy_protocol and protocol = \"h2c\" exclude each other "
                          "(the header speaks for one client, and the connection serves many: use "
                          "X-Forwarded-For)"));
}

TEST(PoolProblems, TellsBadHealthPaths) {
  EXPECT_THAT(problems_with("health.path = \"healthz\"\n"),
              ElementsAre("3:15: pools.app.health.path: \"healthz\" does not begin with \"/\""));
  EXPECT_THAT(problems_with("health.path = \"/a b\"\n"),
              ElementsAre("3:15: pools.app.health.path: \"/a b\" has characters that must be "
                          "percent-encoded in a path"));
  EXPECT_THAT(problems_with("health.path = \"/a#b\"\n"),
              ElementsAre("3:15: pools.app.health.path: \"/a#b\" has a fragment"));
}

TEST(PoolProblems, TellsUnknownKeysInEveryTable) {
  EXPECT_THAT(
      problems_with(R"(slot = 1
queue.limits = 1
health.pth = "/"
keepalive.idel = "1s"
retry.flor = 1
)"),
      ElementsAre("3:1: unknown key \"slot\" in [pools.app] (did you mean \"slots\"?)",
                  "4:7: unknown key \"limits\" in [pools.app.queue] (did you mean \"limit\"?)",
                  "5:8: unknown key \"pth\" in [pools.app.health] (did you mean \"path\"?)",
                  "6:11: unknown key \"idel\" in [pools.app.keepalive] (did you mean \"idle\"?)",
                  "7:7: unknown key \"flor\" in [pools.app.retry] (did you mean \"floor\"?)"));
}

TEST(PoolProblems, TellsBadNames) {
  EXPECT_THAT(problems_of(completed("[pools.\"Shop.a\"]\nbackends = [\"h:1\"]\n")),
              ElementsAre("1:8: pool name \"Shop.a\" must be 1 to 63 of a-z, 0-9, _ and -"));
}

TEST(PoolProblems, TellsPoolsThatAreNoTables) {
  EXPECT_THAT(
      problems_of(completed("[pools]\nother = 5\n")),
      ElementsAre(
          "2:9: pools.other must be a table, not a whole number (write [pools.other] and its "
          "keys below)"));
  EXPECT_THAT(
      problems_of(completed("[[pools.other]]\n")),
      ElementsAre("1:1: pools.other must be a table, not a list (write [pools.other] and its keys "
                  "below)"));
}

TEST(PoolAffinity, IsRead) {
  const auto pool = [](std::string_view lines) {
    return model_of(
               with_pool("backends = [\"h:1\", \"unix:/run/app.sock\"]\n" + std::string(lines)))
        .pools.at("app");
  };
  EXPECT_EQ(pool("").backends[1].address, "unix:/run/app.sock");
  EXPECT_EQ(pool("balance = \"consistent_hash\"\n").balance, BalancePolicy::consistent_hash);
  EXPECT_EQ(pool("balance = \"consistent_hash\"\nhash_on = \"header:X-User\"\n").hash_on,
            (HashModel{HashSource::header, "X-User"}));
  EXPECT_EQ(pool("balance = \"consistent_hash\"\nhash_on = \"cookie:id\"\n").hash_on,
            (HashModel{HashSource::cookie, "id"}));
  EXPECT_EQ(pool("sticky_cookie = \"who\"\n").sticky_cookie, "who");
  EXPECT_EQ(pool("proxy_protocol = \"v2\"\n").health.proxy_protocol, ProxyProtocolOut::v2);
}

TEST(PoolAffinity, TellsWhatIsWrong) {
  EXPECT_THAT(problems_of(with_pool(R"(backends = ["unix:run/app.sock", "unix:/run/"]
hash_on = "header:"
sticky_cookie = "a b"
proxy_protocol = "v3"
)")),
              ElementsAre("2:13: pools.app.backends: \"unix:run/app.sock\" needs an absolute path: "
                          "write \"unix:/run/app.sock\"",
                          "2:34: pools.app.backends: \"unix:/run/\" needs an absolute path: write "
                          "\"unix:/run/app.sock\"",
                          "3:1: pools.app.hash_on needs balance = \"consistent_hash\"",
                          "3:11: pools.app.hash_on must be \"client\", \"header:NAME\" or "
                          "\"cookie:NAME\"",
                          "4:17: pools.app.sticky_cookie: \"a b\" is no name of a cookie",
                          "5:18: pools.app.proxy_protocol must be one of \"\", \"v1\", \"v2\", not "
                          "\"v3\""));
}

}  // namespace
}  // namespace flaskscale::config
