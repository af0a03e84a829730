#include "proxy/config/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kEverything = R"(
[server]
workers = 3
max_connections = 5
shutdown_timeout = "0s"
state_dir = "state"
[access_log]
path = "logs/../access.log"
format = "text"
[admin]
listen = "[0:0:0:0:0:0:0:1]:9000"
[listeners.zebra]
listen = ["0.0.0.0:80", "[::]:80"]
trusted_proxies = ["10.0.0.0/8", "::1"]
[listeners.apple]
listen = ["127.0.0.1:81"]
[limits]
header_bytes = "16KiB"
headers = 50
uri_bytes = "4KiB"
body_bytes = "1GiB"
[timeouts]
header = "1s"
idle = "2s"
body = "3s"
connect = "4s"
response = "5s"
tunnel_idle = "6s"
[[routes]]
hosts = ["Shop.Example.com.", "*.Example.org"]
paths = ["/api", "/x/"]
pool = "shop"
[[routes]]
pool = "small"
[pools.small]
backends = ["App.Internal:80", { address = "[::1]:81", weight = 7 }]
[pools.shop]
balance = "round_robin"
slots = 8
slow_start = "1m"
protocol = "http1"
sticky_cookie = ""
[pools.shop.queue]
limit = 0
bytes = "1MiB"
timeout = "1s"
order = "fifo"
slow_after = "20ms"
[pools.shop.health]
path = "/healthz?full=1"
interval = "1s"
timeout = "500ms"
rise = 1
fall = 5
[pools.shop.keepalive]
idle = "0s"
[pools.shop.retry]
budget = 1
floor = 0
[pools.shop.scaling]
provider = "process"
mode = "observe"
min = 0
max = 7
availability = 0.5
drain_timeout = "1s"
boot_timeout = "2s"
idle_to_zero = "3s"
scale_in_window = "4s"
scale_in_interval = "5s"
boot_estimate = "6s"
service_time_estimate = "7ms"
schedule = []
on_event = ""
[pools.shop.scaling.process]
command = ["serve", "{address}"]
directory = "."
stop_grace = "8s"
environment = { MODE = "production" }
)";

TEST(Loader, FillsServerAndLimits) {
  const Model model = model_of(kEverything);

  EXPECT_EQ(model.server, (ServerModel{3, 5, 0s, "/tmp/state"}));
  EXPECT_EQ(model.access_log, (AccessLogModel{"/tmp/access.log", LogFormat::text}));
  EXPECT_EQ(model.admin.listen, "[::1]:9000");
  EXPECT_EQ(model.limits, (LimitsModel{16384, 50, 4096, 1ULL << 30U}));
  EXPECT_EQ(model.timeouts, (TimeoutsModel{1s, 2s, 3s, 4s, 5s, 6s}));
}

TEST(Loader, KeepsListenersInTheirOrder) {
  const Model model = model_of(kEverything);

  EXPECT_THAT(model.listeners,
              ElementsAre(ListenerModel{"zebra", {"0.0.0.0:80", "[::]:80"}, {"10.0.0.0/8", "::1"}},
                          ListenerModel{"apple", {"127.0.0.1:81"}, {}}));
}

TEST(Loader, FillsRoutesInLowerCase) {
  const Model model = model_of(kEverything);

  ASSERT_EQ(model.routes.size(), 2U);
  EXPECT_THAT(model.routes[0].hosts, ElementsAre("shop.example.com", "*.example.org"));
  EXPECT_THAT(model.routes[0].paths, ElementsAre("/api", "/x/"));
  EXPECT_EQ(model.routes[0].pool, "shop");
  EXPECT_EQ(model.routes[0].source.line, 29U);
  EXPECT_TRUE(model.routes[1].hosts.empty());
}

TEST(Loader, FillsPools) {
  const Model model = model_of(kEverything);

  const PoolModel& shop = model.pools.at("shop");
  EXPECT_EQ(shop.name, "shop");
  EXPECT_EQ(shop.balance, BalancePolicy::round_robin);
  EXPECT_EQ(shop.slots, 8U);
  EXPECT_EQ(shop.slow_start, 1min);
  EXPECT_EQ(shop.queue, (QueueModel{0, 1U << 20U, 1s, QueueOrder::fifo, 20ms}));
  EXPECT_EQ(shop.health, (HealthModel{"/healthz?full=1", 1s, 500ms, 1, 5}));
  EXPECT_EQ(shop.keepalive_idle, 0s);
  EXPECT_EQ(shop.retry, (RetryModel{1.0, 0}));
  EXPECT_THAT(model.pools.at("small").backends,
              ElementsAre(BackendModel{"app.internal:80", 1}, BackendModel{"[::1]:81", 7}));
}

TEST(Loader, FillsScaling) {
  const Model model = model_of(kEverything);

  ASSERT_TRUE(model.pools.at("shop").scaling);
  ScalingModel expected;
  expected.mode = ScalingMode::observe;
  expected.min = 0;
  expected.max = 7;
  expected.availability = 0.5;
  expected.drain_timeout = 1s;
  expected.boot_timeout = 2s;
  expected.idle_to_zero = 3s;
  expected.scale_in_window = 4s;
  expected.scale_in_interval = 5s;
  expected.boot_estimate = 6s;
  expected.service_time_estimate = 7ms;
  expected.process = {{"serve", "{address}"}, "/tmp", {{"MODE", "production"}}, 8s};
  EXPECT_EQ(*model.pools.at("shop").scaling, expected);
  EXPECT_FALSE(model.pools.at("small").scaling);
}

TEST(Loader, LeavesDefaultsAlone) {
  const Model model = model_of(completed(""));

  EXPECT_EQ(model.server, ServerModel{});
  EXPECT_EQ(model.access_log, AccessLogModel{});
  EXPECT_EQ(model.admin, AdminModel{});
  EXPECT_EQ(model.limits, LimitsModel{});
  EXPECT_EQ(model.timeouts, TimeoutsModel{});
  EXPECT_EQ(model.pools.at("app").queue, QueueModel{});
  EXPECT_EQ(model.pools.at("app").health, HealthModel{});
  EXPECT_EQ(model.pools.at("app").slots, 0U);
}

TEST(Loader, ReadsTablesThatAreWrittenInline) {
  const Model model = model_of(
      "listeners.web = { listen = [\"127.0.0.1:80\"] }\n"
      "routes = [{ pool = \"app\" }]\n"
      "pools.app = { backends = [\"h:80\"], queue = { limit = 3 }, keepalive.idle = \"1s\" }\n");

  EXPECT_EQ(model.pools.at("app").queue.limit, 3U);
  EXPECT_EQ(model.pools.at("app").keepalive_idle, 1s);
}

TEST(Loader, TellsAllProblemsInTheirOrder) {
  EXPECT_THAT(
      problems_of(R"([pools.app]
slots = -1
backend = []
[server]
worker = 2
)"),
      ElementsAre("1:1: no listener (add [listeners.web] with listen = [\"0.0.0.0:80\"])",
                  "1:1: pool \"app\" has neither backends nor scaling (add backends = "
                  "[\"10.0.0.5:8000\"] or [pools.app.scaling])",
                  "1:1: no route (add [[routes]] with the name of a pool)",
                  "2:9: pools.app.slots must be from 1 to 1000000, not -1",
                  "3:1: unknown key \"backend\" in [pools.app] (did you mean \"backends\"?)",
                  "5:1: unknown key \"worker\" in [server] (did you mean \"workers\"?)"));
}

TEST(Loader, TellsWhereTheTomlIsBroken) {
  EXPECT_THAT(problems_of("[server\n"), ElementsAre(HasSubstr("1:8: not valid TOML: ")));
  EXPECT_THAT(problems_of("[server]\nworkers = 1\nworkers = 2\n"),
              ElementsAre(HasSubstr("cannot redefine existing integer 'workers'")));
  EXPECT_THAT(problems_of("[a]\n[a]\n"), ElementsAre(HasSubstr("2:1: not valid TOML")));
  EXPECT_THAT(problems_of("a = \"\xff\"\n"), ElementsAre(HasSubstr("1:5: not valid TOML")));
  EXPECT_THAT(problems_of("a = " + std::string(5000, '[')),
              ElementsAre(HasSubstr("not valid TOML")));
}

TEST(Loader, RefusesAnEmptyFile) {
  EXPECT_THAT(problems_of(""),
              ElementsAre(HasSubstr("1:1: no listener"), HasSubstr("1:1: no route")));
}

TEST(Loader, RefusesNulCharacters) {
  EXPECT_THAT(problems_of(with_pool("backends = [\"h\\u0000:80\"]")),
              testing::Contains("2:13: a text must not contain a NUL character"));
}

TEST(Loader, NamesTheNearestTable) {
  EXPECT_THAT(problems_of(completed("[limit]\nheaders = 5\n")),
              ElementsAre("1:2: unknown key \"limit\" (did you mean \"limits\"?)"));
}

TEST(LoadFile, TakesRelativePathsFromItsFolder) {
  std::string folder = testing::TempDir() + "loader_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/f.toml";
  std::ofstream(path) << completed("[server]\nstate_dir = \"../state\"\n");

  const Loaded loaded = load_file(path, environment_of({}));
  std::filesystem::remove_all(folder);

  ASSERT_TRUE(loaded.model);
  EXPECT_EQ(loaded.model->server.state_dir,
            (std::filesystem::path(folder).parent_path() / "state").string());
}

TEST(LoadFile, SaysWhyAFileCannotBeRead) {
  const Loaded missing = load_file("/nonexistent/f.toml", environment_of({}));
  const Loaded folder = load_file("/tmp", environment_of({}));
  const Loaded endless = load_file("/dev/zero", environment_of({}));

  ASSERT_EQ(missing.problems.size(), 1U);
  EXPECT_EQ(to_string(missing.problems[0]),
            "/nonexistent/f.toml: cannot be read: No such file or directory");
  ASSERT_EQ(folder.problems.size(), 1U);
  EXPECT_EQ(to_string(folder.problems[0]), "/tmp: cannot be read: Is a directory");
  ASSERT_EQ(endless.problems.size(), 1U);
  EXPECT_EQ(to_string(endless.problems[0]), "/dev/zero: is larger than 16MiB");
}

TEST(Problem, IsOneLine) {
  EXPECT_EQ(to_string(Problem{"a.toml", 3, 7, "wrong", "so"}), "a.toml:3:7: wrong (so)");
  EXPECT_EQ(to_string(Problem{"a.toml", 3, 7, "wrong", ""}), "a.toml:3:7: wrong");
  EXPECT_EQ(to_string(Problem{"a.toml", 0, 0, "gone", ""}), "a.toml: gone");
}

}  // namespace
}  // namespace flaskscale::config
