// What can be wrong in the tables of providers, in schedules and in hooks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kDocker = "[pools.app.scaling.docker]\nimage = \"shop\"\nport = 80\n";
constexpr std::string_view kGce =
    "[pools.app.scaling.gce]\nzones = [\"a\"]\ngroup = \"shop\"\nport = 80\n";
constexpr std::string_view kExec =
    "[pools.app.scaling.exec]\ncreate = [\"c\", \"{name}\"]\nlist = [\"l\"]\n"
    "delete = [\"d\", \"{name}\"]\n";

// The lines begin in line 4 of the file, within [pools.app.scaling].
std::string scaling_with(std::string_view lines) {
  return with_pool("slots = 4\n[pools.app.scaling]\n" + std::string(lines));
}

std::vector<std::string> problems_with(std::string_view lines) {
  return problems_of(scaling_with(lines));
}

// The lines begin in line 4, within the table of that provider.
std::vector<std::string> table_problems(const std::string& provider, std::string_view lines) {
  return problems_of(with_pool("slots = 4\nscaling.provider = \"" + provider +
                               "\"\n[pools.app.scaling." + provider + "]\n" + std::string(lines)));
}

ScalingModel scaling_of(std::string_view lines) {
  return model_of(scaling_with(lines)).pools.at("app").scaling.value_or(ScalingModel{});
}

TEST(ProviderProblems, NeedTheTableOfTheChosenOne) {
  EXPECT_THAT(problems_with("provider = \"docker\"\n" + std::string(kGce)),
              ElementsAre("4:12: the provider \"docker\" needs [pools.app.scaling.docker] (add it "
                          "with image and port)"));
  EXPECT_THAT(problems_with("provider = \"gce\"\n"),
              ElementsAre("4:12: the provider \"gce\" needs [pools.app.scaling.gce] (add it with "
                          "zones, group and port)"));
  EXPECT_THAT(problems_with("provider = \"exec\"\n"),
              ElementsAre("4:12: the provider \"exec\" needs [pools.app.scaling.exec] (add it with "
                          "create, list and delete)"));
}

TEST(ProviderProblems, PointToTheTableThatIsThere) {
  EXPECT_THAT(problems_with("max = 3\n" + std::string(kDocker)),
              ElementsAre("3:1: the provider \"process\" needs [pools.app.scaling.process] (or "
                          "write provider = \"docker\", whose table is there)"));
}

TEST(ProviderProblems, TellWhatIsWrongWithAnUnusedTableButNotWhatIsMissingOnThisMachine) {
  EXPECT_THAT(problems_with("provider = \"docker\"\n" + std::string(kDocker) +
                            "[pools.app.scaling.process]\ncommand = [\"./not-there\"]\n"
                            "directory = \"/not/there\"\nstop_grease = 1\n"),
              ElementsAre("11:1: unknown key \"stop_grease\" in [pools.app.scaling.process] (did "
                          "you mean \"stop_grace\"?)"));
}

TEST(DockerProblems, AreTold) {
  EXPECT_THAT(table_problems("docker", R"(host = "unix:docker.sock"
image = ""
publish = "localhost"
memory = "1MiB"
cpus = 0
pull = "allways"
registry_auth = "/not/there.json"
port = 70000
images = "x"
)"),
              ElementsAre("5:8: pools.app.scaling.docker.host: \"unix:docker.sock\" is no Docker "
                          "host (such as \"unix:///var/run/docker.sock\" or "
                          "\"tcp://127.0.0.1:2375\")",
                          "6:9: pools.app.scaling.docker.image must not be empty (such as "
                          "\"shop:1.2\")",
                          "7:11: pools.app.scaling.docker.publish: \"localhost\" is no IP address "
                          "(an address of this machine, such as \"127.0.0.1\")",
                          "8:10: pools.app.scaling.docker.memory must be from 6MiB to 1024TiB, not "
                          "1MiB",
                          "9:8: pools.app.scaling.docker.cpus must be from 0.01 to 4096, not 0",
                          "10:8: pools.app.scaling.docker.pull must be one of \"missing\", "
                          "\"always\", \"never\", not \"allways\" (did you mean \"always\"?)",
                          "11:17: pools.app.scaling.docker.registry_auth: there is no file "
                          "\"/not/there.json\" (it is relative to the folder of this file)",
                          "12:8: pools.app.scaling.docker.port must be from 1 to 65535, not 70000",
                          "13:1: unknown key \"images\" in [pools.app.scaling.docker] (did you "
                          "mean \"image\"?)"));
  EXPECT_THAT(table_problems("docker", ""),
              ElementsAre("4:1: pools.app.scaling.docker.image is missing (such as \"shop:1.2\")",
                          "4:1: pools.app.scaling.docker.port is missing (the port that the "
                          "application listens on)"));
}

TEST(GceProblems, AreTold) {
  EXPECT_THAT(
      table_problems("gce", R"(zones = ["us-a", "us-a", "US-B", ""]
group = "Shop"
port = 80
endpoint = "compute.googleapis.com"
standby_mode = "pause"
calls_per_minute = 1
list_interval = "0s"
access_token_file = "/tmp"
credentials = "/tmp"
)"),
      ElementsAre("5:18: pools.app.scaling.gce.zones: \"us-a\" is there twice",
                  "5:26: pools.app.scaling.gce.zones: \"US-B\" can't be the name of one (1 to 63 "
                  "of a-z, 0-9 and -, a letter first)",
                  "5:34: pools.app.scaling.gce.zones holds an empty text",
                  "6:9: pools.app.scaling.gce.group: \"Shop\" can't be the name of one (1 to 63 of "
                  "a-z, 0-9 and -, a letter first)",
                  "8:12: pools.app.scaling.gce.endpoint: \"compute.googleapis.com\" is no URL "
                  "(such as \"https://compute.googleapis.com/compute/v1/\")",
                  "9:16: pools.app.scaling.gce.standby_mode must be one of \"stop\", \"suspend\", "
                  "not \"pause\"",
                  "10:20: pools.app.scaling.gce.calls_per_minute must be from 10 to 1500, not 1",
                  "11:17: pools.app.scaling.gce.list_interval must be from 200ms to 10m, not 0s",
                  "12:1: pools.app.scaling.gce.access_token_file and credentials exclude each "
                  "other"));
  EXPECT_THAT(table_problems("gce", "zones = []\n"),
              ElementsAre("4:1: pools.app.scaling.gce.group is missing (the name of the managed "
                          "instance group in each zone)",
                          "4:1: pools.app.scaling.gce.port is missing (the port that the "
                          "application listens on)",
                          "5:9: pools.app.scaling.gce.zones must not be empty (such as "
                          "[\"us-central1-a\"], the preferred one first)"));
}

TEST(ExecProblems, AreTold) {
  EXPECT_THAT(table_problems("exec", R"(create = ["create"]
delete = ["./delete", "{name}"]
start = ["start", "{name}"]
timeout = "0s"
)"),
              ElementsAre("4:1: pools.app.scaling.exec.list is missing (such as [\"./list.sh\"])",
                          "5:10: pools.app.scaling.exec.create does not say which instance is "
                          "meant (give it {name} as a word or a part of one)",
                          "6:11: pools.app.scaling.exec.delete: the program \"./delete\" is not "
                          "there or not executable (it is looked for in /tmp)",
                          "7:1: pools.app.scaling.exec.start is of no use without stop",
                          "8:11: pools.app.scaling.exec.timeout must be from 1s to 1h, not 0s"));
}

TEST(StandbyProblems, AreToldWhereNothingCanBeStopped) {
  EXPECT_THAT(problems_with("standby = 1\nprovider = \"docker\"\n" + std::string(kDocker)),
              ElementsAre("4:1: the provider \"docker\" keeps none on standby (\"gce\" can, and "
                          "\"exec\" with stop and start)"));
  EXPECT_THAT(problems_with("standby = 1\nprovider = \"exec\"\n" + std::string(kExec)),
              ElementsAre("4:1: the provider \"exec\" keeps none on standby (\"gce\" can, and "
                          "\"exec\" with stop and start)"));
  EXPECT_THAT(problems_with("standby = 1\nprovider = \"gce\"\n" + std::string(kGce)), IsEmpty());
  EXPECT_THAT(problems_with("standby = 1\nprovider = \"exec\"\n" + std::string(kExec) +
                            "stop = [\"s\", \"{name}\"]\nstart = [\"s\", \"{name}\"]\n"),
              IsEmpty());
}

TEST(ScheduleProblems, AreToldWithTheirPlace) {
  const auto found = problems_with(R"(provider = "docker"
max = 4
schedule = [
  { cron = "0 25 * * *", duration = "2h", min = 2 },
  { duration = "30s", min = 5 },
  { cron = "0 8 * * MON-FRI", duration = "1h", min = 4, max = 9 },
  "0 8 * * *",
]
)" + std::string(kDocker));
  ASSERT_EQ(found.size(), 6U);
  EXPECT_THAT(found[0], testing::StartsWith("7:12: pools.app.scaling.schedule.cron: "));
  EXPECT_THAT(found[0], testing::HasSubstr("hour"));
  EXPECT_THAT(found[0], testing::HasSubstr("five fields"));
  EXPECT_EQ(found[1],
            "8:3: pools.app.scaling.schedule.cron is missing (such as cron = \"0 8 * * "
            "MON-FRI\")");
  EXPECT_EQ(found[2], "8:16: pools.app.scaling.schedule.duration must be from 1m to 7d, not 30s");
  EXPECT_EQ(found[3], "8:29: pools.app.scaling.schedule.min must be from 1 to 4, not 5");
  EXPECT_EQ(found[4], "9:57: unknown key \"max\" in [pools.app.scaling.schedule]");
  EXPECT_EQ(found[5],
            "10:3: pools.app.scaling.schedule must hold tables, not a text ({ cron = "
            "\"0 8 * * MON-FRI\", duration = \"2h\", min = 5 })");
}

TEST(Schedules, AreRead) {
  const ScalingModel scaling = scaling_of(
      "provider = \"docker\"\n"
      "schedule = [{ cron = \"0 8 * * MON-FRI\", duration = \"2h\", min = 5 }]\n" +
      std::string(kDocker));
  EXPECT_EQ(scaling.schedule, (std::vector<ScheduleModel>{{"0 8 * * MON-FRI", 2h, 5}}));
}

TEST(Hooks, AreReadInEachForm) {
  const auto hooks_of = [](const std::string& value) {
    return scaling_of("provider = \"docker\"\non_event = " + value + "\n" + std::string(kDocker))
        .on_event;
  };
  const HookModel url{"https://a.example/x", {}, {}};
  const HookModel command{"", {"notify", "word"}, "/tmp"};
  EXPECT_THAT(hooks_of("\"\""), IsEmpty());
  EXPECT_THAT(hooks_of("[]"), IsEmpty());
  EXPECT_THAT(hooks_of("\"https://a.example/x\""), ElementsAre(url));
  EXPECT_THAT(hooks_of("[\"notify\", \"word\"]"), ElementsAre(command));
  EXPECT_THAT(hooks_of("[\"https://a.example/x\", \"https://a.example/x\"]"),
              ElementsAre(url, url));
  EXPECT_THAT(hooks_of("[[\"notify\", \"word\"], \"https://a.example/x\"]"),
              ElementsAre(command, url));
}

TEST(HookProblems, AreTold) {
  const std::string told =
      " must be a URL, a command or a list of these (\"https://…\", [\"./notify.sh\", \"word\"], "
      "or [\"https://…\", [\"./notify.sh\"]])";
  const auto problems = [](const std::string& value) {
    return problems_with("provider = \"docker\"\non_event = " + value + "\n" +
                         std::string(kDocker));
  };
  EXPECT_THAT(problems("\"ftp://a\""), ElementsAre("5:12: pools.app.scaling.on_event" + told));
  EXPECT_THAT(problems("7"), ElementsAre("5:12: pools.app.scaling.on_event" + told));
  EXPECT_THAT(problems("[\"https://a\", 7]"),
              ElementsAre("5:26: pools.app.scaling.on_event" + told));
  EXPECT_THAT(problems("[\"./not-there\"]"),
              ElementsAre("5:13: pools.app.scaling.on_event: the program \"./not-there\" is not "
                          "there or not executable (it is looked for in /tmp)"));
}

TEST(AtShutdown, DependsOnTheProviderUnlessItIsSaid) {
  const std::string docker = "provider = \"docker\"\n";
  EXPECT_EQ(scaling_of("[pools.app.scaling.process]\ncommand = [\"serve\"]\n").at_shutdown,
            AtShutdown::remove);
  EXPECT_EQ(scaling_of(docker + std::string(kDocker)).at_shutdown, AtShutdown::keep);
  EXPECT_EQ(scaling_of(docker + "at_shutdown = \"delete\"\n" + std::string(kDocker)).at_shutdown,
            AtShutdown::remove);
}

}  // namespace
}  // namespace flaskscale::config
