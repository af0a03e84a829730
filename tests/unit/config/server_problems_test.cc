// What can be wrong in [server], [access_log], [limits] and [timeouts].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;

std::vector<std::string> problems_with(std::string_view text) {
  return problems_of(completed(text));
}

TEST(ServerProblems, TellsWrongTypes) {
  EXPECT_THAT(
      problems_with(R"([server]
max_connections = "5"
shutdown_timeout = 30
state_dir = 1979-05-27
workers = 1.5
[access_log]
path = true
format = ["json"]
[limits]
header_bytes = 32768
)"),
      ElementsAre("2:19: server.max_connections must be a whole number, not a text (write it "
                  "without quotes)",
                  "3:20: server.shutdown_timeout must be a text, not a whole number (write it "
                  "with its unit, such as shutdown_timeout = \"30s\")",
                  "4:13: server.state_dir must be a text, not a date or time",
                  "5:11: server.workers must be a whole number, not a decimal number",
                  "7:8: access_log.path must be a text, not true or false",
                  "8:10: access_log.format must be a text, not a list",
                  "10:16: limits.header_bytes must be a text, not a whole number (write it with "
                  "its unit, such as header_bytes = \"64KiB\")"));
}

TEST(ServerProblems, TellsASectionThatIsNoTable) {
  EXPECT_THAT(
      problems_with("server = 5\nlimits = []\n"),
      ElementsAre("1:10: server must be a table, not a whole number (write [server] and its keys "
                  "below)",
                  "2:10: limits must be a table, not a list (write [limits] and its keys below)"));
}

TEST(ServerProblems, TellsValuesOutOfRange) {
  EXPECT_THAT(problems_with(R"([server]
workers = 1025
max_connections = 0
shutdown_timeout = "25h"
[limits]
header_bytes = "1B"
headers = 9223372036854775807
uri_bytes = "2MiB"
body_bytes = "0B"
[timeouts]
header = "0s"
idle = "8d"
)"),
              ElementsAre("2:11: server.workers must be from 1 to 1024, not 1025",
                          "3:19: server.max_connections must be from 1 to 10000000, not 0",
                          "4:20: server.shutdown_timeout must be from 0s to 1d, not 25h",
                          "6:16: limits.header_bytes must be from 1KiB to 1MiB, not 1B",
                          "7:11: limits.headers must be from 1 to 10000, not 9223372036854775807",
                          "8:13: limits.uri_bytes must be from 64B to 1MiB, not 2MiB",
                          "9:14: limits.body_bytes must be from 1B to 1024TiB, not 0B",
                          "11:10: timeouts.header must be from 1ms to 7d, not 0s",
                          "12:8: timeouts.idle must be from 1ms to 7d, not 8d"));
}

TEST(ServerProblems, TellsDurationsAndSizesThatAreNone) {
  EXPECT_THAT(
      problems_with(R"([timeouts]
connect = "30"
body = "soon"
[limits]
body_bytes = "10MB"
)"),
      ElementsAre("2:11: timeouts.connect: \"30\" has no unit: write us, ms, s, m, h or d behind "
                  "the number",
                  "3:8: timeouts.body: \"soon\" is not a duration: write a number and a unit (us, "
                  "ms, s, m, h, d), such as \"30s\"",
                  "5:14: limits.body_bytes: \"10MB\" has an unknown unit: write MiB (1024 KiB)"));
}

TEST(ServerProblems, TellsWordsThatAreNotAllowed) {
  EXPECT_THAT(
      problems_with("[server]\nworkers = \"automatic\"\n[access_log]\nformat = \"jsn\"\n"),
      ElementsAre("2:11: server.workers must be \"auto\" or a whole number",
                  "4:10: access_log.format must be one of \"json\", \"text\", not \"jsn\" (did you "
                  "mean \"json\"?)"));
}

TEST(ServerProblems, TellsEmptyPaths) {
  EXPECT_THAT(problems_with("[server]\nstate_dir = \"\"\n[access_log]\npath = ''\n"),
              ElementsAre("2:13: server.state_dir must not be empty",
                          "4:8: access_log.path must not be empty"));
}

TEST(ServerProblems, TellsUnknownKeysWithTheNearest) {
  EXPECT_THAT(
      problems_with(R"([server]
max_conections = 1
zebra = 2
[access_log]
file = "-"
[limits]
header_byte = "1KiB"
[timeouts]
conect = "1s"
[metrics]
)"),
      ElementsAre("2:1: unknown key \"max_conections\" in [server] (did you mean "
                  "\"max_connections\"?)",
                  "3:1: unknown key \"zebra\" in [server]",
                  "5:1: unknown key \"file\" in [access_log]",
                  "7:1: unknown key \"header_byte\" in [limits] (did you mean \"header_bytes\"?)",
                  "9:1: unknown key \"conect\" in [timeouts] (did you mean \"connect\"?)",
                  "10:2: unknown key \"metrics\""));
}

}  // namespace
}  // namespace flaskscale::config
