#include "scaler/providers/exec_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "base/log.h"
#include "scaler/providers/command_run.h"
#include "scaler/providers/exec_list.h"
#include "scaler/providers/placeholders.h"

namespace flaskscale::scaler {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

CommandRun run_of(const std::string& script) {
  CommandRun run;
  run.words = shell(script);
  run.timeout = 20s;
  return run;
}

CommandEnd run(const CommandRun& wanted) {
  auto end = run_command(wanted);
  EXPECT_TRUE(end) << (end ? "" : end.error().detail);
  return end ? *end : CommandEnd{};
}

size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

TEST(Placeholders, GiveTheirValuesOnceAndLeaveOtherBracesAlone) {
  const std::map<std::string, std::string> values = {{"name", "shop-1"}, {"port", "{name}"}};
  EXPECT_EQ(fill_in("run {name} on {port}", values), "run shop-1 on {name}");
  EXPECT_EQ(fill_in("{{name}} {zone} {", values), "{shop-1} {zone} {");
  EXPECT_EQ(fill_in("{\"a\": {name}}", values), "{\"a\": shop-1}");
  EXPECT_EQ(fill_in("", values), "");
}

TEST(CommandRun, KeepsOutputAndStatus) {
  CommandRun wanted = run_of("cat; echo $X; exit 3");
  wanted.input = "given\n";
  wanted.environment = {{"X", "x"}};

  const CommandEnd end = run(wanted);

  EXPECT_EQ(end.output, "given\nx\n");
  EXPECT_EQ(end.status, 3);
  EXPECT_EQ(end.text(), "exited with status 3");
}

TEST(CommandRun, GivesStandardErrorLineByLineWithoutControlCharacters) {
  std::vector<std::string> lines;
  CommandRun wanted = run_of("printf 'one\\ntwo\\033[2J\\nthree\\nfour' >&2; exit 1");
  wanted.on_error_line = [&](std::string_view line) { lines.emplace_back(line); };

  const CommandEnd end = run(wanted);

  EXPECT_THAT(lines, ElementsAre("one", "two?[2J", "three", "four"));
  EXPECT_EQ(end.text(), "exited with status 1: two?[2J / three / four");
}

TEST(CommandRun, BoundsWhatItKeeps) {
  CommandRun wanted = run_of("head -c 300000 /dev/zero | tr '\\0' x");
  wanted.most_output = 1000;

  const CommandEnd end = run(wanted);

  EXPECT_EQ(end.output, std::string(1000, 'x'));
  EXPECT_TRUE(end.output_cut);
  EXPECT_EQ(end.status, 0);
}

TEST(CommandRun, EndsTheWholeGroupWhenItTakesTooLong) {
  CommandRun wanted = run_of("trap '' TERM; echo $$; sleep 60 & wait; sleep 60");
  wanted.timeout = 300ms;
  wanted.grace = 200ms;

  const CommandEnd end = run(wanted);

  EXPECT_TRUE(end.timed_out);
  EXPECT_EQ(end.status, -1);
  EXPECT_THAT(end.how, HasSubstr("took longer than 300ms"));
  const pid_t group = std::stoi(end.output);
  // The killed ones are init's to reap now; they may take a moment.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (kill(-group, 0) == 0 && std::chrono::steady_clock::now() < deadline) usleep(1000);
  EXPECT_NE(kill(-group, 0), 0);
}

TEST(CommandRun, DoesNotWaitForWhatItLeftInTheBackground) {
  const auto began = std::chrono::steady_clock::now();

  const CommandEnd end = run(run_of("sleep 30 & echo $!"));

  EXPECT_LT(std::chrono::steady_clock::now() - began, 15s);
  EXPECT_EQ(kill(std::stoi(end.output), SIGKILL), 0);
}

TEST(CommandRun, EndsWhenItIsCancelled) {
  std::atomic<bool> cancelled = true;
  CommandRun wanted = run_of("sleep 60");
  wanted.cancelled = &cancelled;

  EXPECT_THAT(run(wanted).how, HasSubstr("this program ends"));
}

TEST(CommandRun, SaysThatAProgramIsNotThere) {
  CommandRun wanted;
  wanted.words = {"no-such-program-here"};

  const auto end = run_command(wanted);

  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::not_found);
}

TEST(CommandRun, LeavesNoDescriptorAndNoZombie) {
  run(run_of("true"));
  const size_t before = open_descriptors();

  for (int i = 0; i < 20; ++i) run(run_of("echo x; echo y >&2"));

  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(ExecList, ReadsEachState) {
  const auto list = parse_exec_list(R"({"name":"a","state":"booting"}
{"name":"b","state":"running","address":"10.0.0.1:80","id":7,"zone":"z","version":"v","outdated":true}

{"name":"c","state":"leaving","address":"[::1]:80","more":[1,2]}
{"name":"d","state":"stopped"}
{"name":"e","state":"exited","detail":"why"}
{"name":"f","state":"failed","obstacle":"quota"}
{"name":"g","state":"failed"})");

  ASSERT_TRUE(list) << list.error().detail;
  ASSERT_EQ(list->size(), 7U);
  const InstanceReport& b = (*list)[1];
  EXPECT_FALSE((*list)[0].running);
  EXPECT_TRUE(b.running && b.outdated && !b.leaving && b.ours);
  EXPECT_EQ(b.id + " " + b.address + " " + b.zone + " " + b.version, "7 10.0.0.1:80 z v");
  EXPECT_TRUE((*list)[2].running && (*list)[2].leaving);
  EXPECT_TRUE((*list)[3].stopped && !(*list)[3].running);
  EXPECT_TRUE((*list)[4].exited);
  EXPECT_EQ((*list)[4].detail, "why");
  EXPECT_EQ((*list)[5].obstacle, Obstacle::quota);
  EXPECT_EQ((*list)[6].obstacle, Obstacle::other);
}

TEST(ExecList, TakesAllOrNothing) {
  const auto error_of = [](const std::string& text) {
    const auto list = parse_exec_list("{\"name\":\"a\",\"state\":\"booting\"}\n" + text);
    return list ? "" : list.error().detail;
  };
  EXPECT_THAT(error_of("oops"), HasSubstr("line 2 of the list is no JSON object: oops"));
  EXPECT_THAT(error_of("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(error_of("{\"state\":\"booting\"}"), HasSubstr("no \"name\""));
  EXPECT_THAT(error_of("{\"name\":\"b\"}"), HasSubstr("the state \"\""));
  EXPECT_THAT(error_of("{\"name\":\"b\",\"state\":\"up\"}"), HasSubstr("the state \"up\""));
  EXPECT_THAT(error_of("{\"name\":{},\"state\":\"up\"}"), HasSubstr("\"name\" that is no text"));
  EXPECT_THAT(error_of("{\"name\":\"b\",\"state\":\"running\",\"outdated\":1}"),
              HasSubstr("not true or false"));
  EXPECT_THAT(error_of("{\"name\":\"b\",\"state\":\"running\",\"address\":\"x\"}"),
              HasSubstr("no host:port"));
  EXPECT_THAT(error_of("{\"name\":\"b\",\"state\":\"failed\",\"obstacle\":\"rain\"}"),
              HasSubstr("\"rain\""));
  EXPECT_THAT(error_of("{\"name\":\"a\",\"state\":\"booting\"}"), HasSubstr("a second time"));
}

// A provider whose commands are lines of shell, in a folder of its own.
class ExecProviderTest : public testing::Test {
 protected:
  ExecProviderTest() {
    spdlog::default_logger_raw();  // the log is set up by one thread, as in the program
    std::string pattern = testing::TempDir() + "exec-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    settings_.pool = "shop";
    settings_.directory = folder_;
    settings_.timeout = 20s;
    settings_.create = shell("echo create $FLASKSCALE_NAME >> log");
    settings_.remove = shell("echo delete $FLASKSCALE_NAME >> log");
    settings_.list = shell("cat list 2>/dev/null || true");
  }
  ~ExecProviderTest() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> log() const {
    std::ifstream file(folder_ + "/log");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  std::string folder_;
  ExecSettings settings_;
  const InstanceCall three_ = {{"a", "b", "c"}, "z1", "r-1"};
};

TEST_F(ExecProviderTest, RunsOncePerNameWithWordsAndVariables) {
  settings_.create = {"/bin/sh", "-c",
                      "echo \"$0 $1 $FLASKSCALE_ACTION $FLASKSCALE_NAME $FLASKSCALE_ZONE "
                      "$FLASKSCALE_POOL $FLASKSCALE_REQUEST_ID $OWN\" >> log",
                      "x-{name}-{zone}", "{pool}/{request_id}{other}"};
  settings_.environment = {{"OWN", "own"}};
  ExecProvider provider(settings_);

  ASSERT_TRUE(provider.create(three_));

  EXPECT_THAT(log(), UnorderedElementsAre("x-a-z1 shop/r-1{other} create a z1 shop r-1 own",
                                          "x-b-z1 shop/r-1{other} create b z1 shop r-1 own",
                                          "x-c-z1 shop/r-1{other} create c z1 shop r-1 own"));
  ASSERT_TRUE(provider.remove({{"a", "c"}, "z1", "r-2"}));
  EXPECT_EQ(log().size(), 5U);
}

TEST_F(ExecProviderTest, RunsAFewAtATime) {
  settings_.create = shell("sleep 0.3");
  ExecProvider provider(settings_);
  InstanceCall eight;
  for (int i = 0; i < 8; ++i) eight.names.push_back("i" + std::to_string(i));
  const auto began = std::chrono::steady_clock::now();

  ASSERT_TRUE(provider.create(eight));

  EXPECT_GE(std::chrono::steady_clock::now() - began, 600ms);
}

TEST_F(ExecProviderTest, TellsExitStatusesApart) {
  const auto error_of = [this](const std::string& script) {
    ExecSettings changed = settings_;
    changed.create = shell(script);
    const auto created = ExecProvider(changed).create(three_);
    EXPECT_FALSE(created);
    return created ? Error{} : created.error();
  };
  EXPECT_EQ(obstacle_of(error_of("exit 69")), Obstacle::capacity);
  EXPECT_EQ(obstacle_of(error_of("exit 73")), Obstacle::quota);
  EXPECT_EQ(obstacle_of(error_of("exit 77")), Obstacle::configuration);
  EXPECT_EQ(obstacle_of(error_of("exit 78")), Obstacle::configuration);
  EXPECT_EQ(error_of("exit 78").retry, Retry::never);
  EXPECT_EQ(error_of("exit 75").retry, Retry::always);
  const Error other = error_of("echo no luck >&2; exit 1");
  EXPECT_EQ(other.retry, Retry::never);
  EXPECT_THAT(other.detail, HasSubstr("the create command for a exited with status 1: no luck"));
}

TEST_F(ExecProviderTest, MissingProgramIsAConfigurationProblem) {
  settings_.create = {"./not-there", "{name}"};

  const auto created = ExecProvider(settings_).create(three_);

  ASSERT_FALSE(created);
  EXPECT_EQ(obstacle_of(created.error()), Obstacle::configuration);
}

TEST_F(ExecProviderTest, TimeOutIsTriedAgain) {
  settings_.create = shell("sleep 60");
  settings_.timeout = 200ms;

  const auto created = ExecProvider(settings_).create({{"a"}, "", "r"});

  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, ErrorCode::timed_out);
  EXPECT_EQ(created.error().retry, Retry::always);
}

TEST_F(ExecProviderTest, ListsWhatFailedBesideWhatWasMade) {
  settings_.create = shell("[ $FLASKSCALE_NAME != b ] || { echo full >&2; exit 69; }");
  ExecProvider provider(settings_);

  ASSERT_TRUE(provider.create(three_));

  auto list = provider.list();
  ASSERT_TRUE(list) << list.error().detail;
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().name, "b");
  EXPECT_EQ(list->front().zone, "z1");
  EXPECT_EQ(list->front().obstacle, Obstacle::capacity);
  EXPECT_THAT(list->front().detail, HasSubstr("full"));
  ASSERT_TRUE(provider.remove({{"b"}, "z1", "r-2"}));
  list = provider.list();
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->empty());
}

TEST_F(ExecProviderTest, ListThatFailsSaysNothing) {
  settings_.list = shell("echo '{\"name\":\"a\",\"state\":\"booting\"}'; exit 1");
  EXPECT_FALSE(ExecProvider(settings_).list());
  settings_.list = shell("yes '{\"name\":\"a\",\"state\":\"booting\"}' | head -c 6000000");
  const auto list = ExecProvider(settings_).list();
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, ErrorCode::too_large);
}

TEST_F(ExecProviderTest, CanStopOnlyWithBothCommands) {
  EXPECT_FALSE(ExecProvider(settings_).abilities().can_stop);
  EXPECT_FALSE(ExecProvider(settings_).stop(three_));
  EXPECT_FALSE(ExecProvider(settings_).start(three_));
  settings_.stop = shell("echo stop $FLASKSCALE_NAME >> log");
  settings_.start = shell("echo start $FLASKSCALE_NAME >> log");
  settings_.zones = {"z1", "z2"};
  ExecProvider provider(settings_);

  EXPECT_TRUE(provider.abilities().can_stop);
  EXPECT_THAT(provider.abilities().zones, ElementsAre("z1", "z2"));
  EXPECT_TRUE(provider.stop({{"a"}, "z1", "r"}));
  EXPECT_TRUE(provider.start({{"a"}, "z1", "r"}));

  EXPECT_THAT(log(), ElementsAre("stop a", "start a"));
}

TEST_F(ExecProviderTest, ReloadCountsFromTheNextCall) {
  ExecProvider provider(settings_);
  settings_.create = shell("echo other >> log");

  provider.apply(settings_);

  ASSERT_TRUE(provider.create({{"a"}, "", "r"}));
  EXPECT_THAT(log(), ElementsAre("other"));
}

TEST_F(ExecProviderTest, OnlineCheckLooksForProgramsAndRunsTheList) {
  settings_.create = {"./not-there", "{name}"};
  settings_.list = shell("echo nonsense");

  const auto findings = ExecProvider(settings_).check_online();

  ASSERT_EQ(findings.size(), 4U);
  EXPECT_EQ(findings[0].what, "create command");
  EXPECT_FALSE(findings[0].fine);
  EXPECT_TRUE(findings[1].fine && findings[2].fine);
  EXPECT_EQ(findings[3].what, "list");
  EXPECT_FALSE(findings[3].fine);
  EXPECT_THAT(findings[3].detail, HasSubstr("nonsense"));
}

}  // namespace
}  // namespace flaskscale::scaler
