// What can be wrong in [pools.NAME.scaling].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;

constexpr std::string_view kProcess = "[pools.app.scaling.process]\ncommand = [\"serve\"]\n";

// The lines begin in line 4 of the file, within [pools.app.scaling].
std::vector<std::string> problems_with(std::string_view lines,
                                       const Environment& environment = environment_of({})) {
  return problems_of(with_pool("slots = 4\n[pools.app.scaling]\n" + std::string(lines)),
                     environment);
}

// The same within [pools.app.scaling.process].
std::vector<std::string> process_problems(std::string_view lines,
                                          const Environment& environment = environment_of({})) {
  return problems_of(with_pool("slots = 4\n[pools.app.scaling.process]\n" + std::string(lines)),
                     environment);
}

TEST(ScalingProblems, NeedsSlots) {
  EXPECT_THAT(
      problems_of(with_pool("[pools.app.scaling]\n" + std::string(kProcess))),
      ElementsAre("2:1: pools.app.slots is required with scaling (what one instance works on at a "
                  "time; with gunicorn workers × threads)"));
}

TEST(ScalingProblems, TellsValuesOutOfRange) {
  EXPECT_THAT(
      problems_with(R"(min = -1
max = 1001
availability = 0.49
drain_timeout = "8d"
boot_timeout = "0s"
boot_estimate = "0s"
service_time_estimate = "2h"
)" + std::string(kProcess)),
      ElementsAre("4:7: pools.app.scaling.min must be from 0 to 1000, not -1",
                  "5:7: pools.app.scaling.max must be from 1 to 1000, not 1001",
                  "6:16: pools.app.scaling.availability must be from 0.5 to 0.999, not 0.49",
                  "7:17: pools.app.scaling.drain_timeout must be from 0s to 7d, not 8d",
                  "8:16: pools.app.scaling.boot_timeout must be from 1s to 1d, not 0s",
                  "9:17: pools.app.scaling.boot_estimate must be from 1ms to 1h, not 0s",
                  "10:25: pools.app.scaling.service_time_estimate must be from 1ms to 1h, not 2h"));
  EXPECT_THAT(problems_with("availability = 1\n" + std::string(kProcess)),
              ElementsAre("4:16: pools.app.scaling.availability must be from 0.5 to 0.999, not 1"));
}

TEST(ScalingProblems, TellsMoreMinimumThanMaximum) {
  const std::string process(kProcess);
  EXPECT_THAT(problems_with("min = 5\nmax = 4\n" + process),
              ElementsAre("4:7: pools.app.scaling.min is 5, more than max, which is 4"));
  EXPECT_THAT(
      problems_with("\nmin = 30\n" + process),
      ElementsAre("5:7: pools.app.scaling.min is 30, more than max, which is 20 (without max it is "
                  "20)"));
  EXPECT_THAT(problems_with("min = 4\nmax = 4\n" + process), ElementsAre());
}

TEST(ScalingProblems, TellsUnknownProviders) {
  EXPECT_THAT(
      problems_with("provider = \"proces\"\n" + std::string(kProcess)),
      ElementsAre(
          "4:12: pools.app.scaling.provider must be one of \"process\", \"docker\", \"gce\", "
          "\"exec\", not \"proces\" (did you mean \"process\"?)"));
}

TEST(ScalingProblems, TellsUnknownModes) {
  EXPECT_THAT(problems_with("mode = \"on\"\n" + std::string(kProcess)),
              ElementsAre("4:8: pools.app.scaling.mode must be one of \"act\", \"scale_out_only\", "
                          "\"observe\", \"off\", not \"on\""));
}

TEST(ScalingProblems, NeedsTheTableOfItsProvider) {
  const std::string message =
      "the provider \"process\" needs [pools.app.scaling.process] (add it with command = [ … ])";
  EXPECT_THAT(problems_with("provider = \"process\"\n"), ElementsAre("4:12: " + message));
  EXPECT_THAT(problems_with(""), ElementsAre("3:1: " + message));
}

TEST(ScalingProblems, TellsUnknownKeys) {
  EXPECT_THAT(problems_with("minimum = 1\ndrain_time = \"1s\"\n" + std::string(kProcess)),
              ElementsAre("4:1: unknown key \"minimum\" in [pools.app.scaling]",
                          "5:1: unknown key \"drain_time\" in [pools.app.scaling] (did you mean "
                          "\"drain_timeout\"?)"));
}

TEST(ProcessProblems, NeedsACommand) {
  const std::string hint =
      " (the program and its arguments, such as [\"gunicorn\", \"--bind\", \"{address}\", "
      "\"app:app\"])";
  EXPECT_THAT(process_problems(""),
              ElementsAre("3:1: pools.app.scaling.process.command is missing" + hint));
  EXPECT_THAT(process_problems("command = []"),
              ElementsAre("4:11: pools.app.scaling.process.command must not be empty" + hint));
  EXPECT_THAT(process_problems("command = [\"\", \"x\"]"),
              ElementsAre("4:12: pools.app.scaling.process.command begins with an empty text"));
  EXPECT_THAT(
      process_problems("command = \"gunicorn app:app\""),
      ElementsAre("4:11: pools.app.scaling.process.command must be a list, not a text (write it in "
                  "brackets: command = [ … ])"));
}

TEST(ProcessProblems, LooksForTheProgram) {
  const Environment path = environment_of({{"PATH", "/nonexistent:/bin"}});
  EXPECT_THAT(process_problems("command = [\"sh\"]", path), ElementsAre());
  EXPECT_THAT(process_problems("command = [\"/bin/sh\"]", path), ElementsAre());
  EXPECT_THAT(process_problems("command = [\"./sh\"]\ndirectory = \"/bin\"", path), ElementsAre());
  EXPECT_THAT(
      process_problems("command = [\"no-such-program\"]", path),
      ElementsAre("4:12: pools.app.scaling.process.command: the program \"no-such-program\" is not "
                  "there or not executable (it is looked for in the PATH)"));
  EXPECT_THAT(
      process_problems("command = [\"./none\"]\ndirectory = \"/bin\"", path),
      ElementsAre("4:12: pools.app.scaling.process.command: the program \"./none\" is not there or "
                  "not executable (it is looked for in /bin)"));
  EXPECT_THAT(
      process_problems("command = [\"sh\"]\nenvironment.PATH = \"/nonexistent\"", path),
      ElementsAre("4:12: pools.app.scaling.process.command: the program \"sh\" is not there or not "
                  "executable (it is looked for in the PATH)"));
}

TEST(ProcessProblems, LooksForTheDirectory) {
  EXPECT_THAT(process_problems("command = [\"serve\"]\ndirectory = \"no-such-folder\""),
              ElementsAre("5:13: pools.app.scaling.process.directory: there is no directory "
                          "\"/tmp/no-such-folder\" (it is relative to the folder of this file)"));
}

TEST(ProcessProblems, TellsBadVariables) {
  EXPECT_THAT(
      process_problems("command = [\"serve\"]\nenvironment = { A = 1, \"B=C\" = \"x\" }"),
      ElementsAre(
          "5:21: pools.app.scaling.process.environment.A must be a text, not a whole number",
          "5:24: \"B=C\" is no name of a variable"));
}

TEST(ProcessProblems, TellsUnknownKeysAndRanges) {
  EXPECT_THAT(
      process_problems("command = [\"serve\"]\nstop_grace = \"2h\"\ncwd = \"/\""),
      ElementsAre("5:14: pools.app.scaling.process.stop_grace must be from 0s to 1h, not 2h",
                  "6:1: unknown key \"cwd\" in [pools.app.scaling.process]"));
}

}  // namespace
}  // namespace flaskscale::config
