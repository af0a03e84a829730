// What can be wrong in [admin] and [listeners.NAME].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;

// The text, then a route and its pool.
std::vector<std::string> problems_with(std::string_view text) {
  return problems_of(std::string(text) +
                     "\n[[routes]]\npool = \"app\"\n[pools.app]\nbackends = [\"10.0.0.1:80\"]\n");
}

const std::string kHint = " (an IP address and a port, such as \"0.0.0.0:80\" or \"[::]:80\")";

TEST(ListenerProblems, TellsThatThereIsNone) {
  const std::string hint = " (add [listeners.web] with listen = [\"0.0.0.0:80\"])";
  EXPECT_THAT(problems_with(""), ElementsAre("1:1: no listener" + hint));
  EXPECT_THAT(problems_with("\n[listeners]\n"), ElementsAre("2:1: no listener" + hint));
}

TEST(ListenerProblems, TellsAMissingAddress) {
  EXPECT_THAT(problems_with("\n[listeners.a]\n[listeners.b]\nlisten = []\n"),
              ElementsAre("2:1: listeners.a.listen is missing" + kHint,
                          "4:10: listeners.b.listen must not be empty" + kHint));
}

TEST(ListenerProblems, TellsBadAddresses) {
  EXPECT_THAT(
      problems_with("[listeners.a]\nlisten = [\":80\", \"localhost:80\", \"0.0.0.0\", \"::1:80\",\n"
                    "  \"0.0.0.0:65536\", 80]\n"),
      ElementsAre(
          "2:11: listeners.a.listen: \":80\" has no host in front of the colon" + kHint,
          "2:18: listeners.a.listen: \"localhost:80\" has a name where an address must be" + kHint,
          "2:34: listeners.a.listen: \"0.0.0.0\" needs a port: write \"host:port\"" + kHint,
          "2:45: listeners.a.listen: \"::1:80\" needs brackets around an IPv6 address: write "
          "\"[::1]:80\"" +
              kHint,
          "3:3: listeners.a.listen: \"0.0.0.0:65536\" needs a port from 0 to 65535 behind the "
          "colon" +
              kHint,
          "3:20: listeners.a.listen must hold texts, not a whole number"));
}

TEST(ListenerProblems, TellsAListWrittenAsAText) {
  EXPECT_THAT(
      problems_with("[listeners.a]\nlisten = \"0.0.0.0:80\"\n"),
      ElementsAre("2:10: listeners.a.listen must be a list, not a text (write it in brackets: "
                  "listen = [ … ])"));
}

TEST(ListenerProblems, TellsAddressesThatAreTaken) {
  EXPECT_THAT(
      problems_with(R"([admin]
listen = "127.0.0.1:9000"
[listeners.a]
listen = ["[::1]:80", "[0:0::1]:80"]
[listeners.b]
listen = ["127.0.0.1:9000", "[::1]:80", "127.0.0.1:80"]
)"),
      ElementsAre("4:23: listeners.a.listen: \"[::1]:80\" is already taken by listeners.a.listen",
                  "6:11: listeners.b.listen: \"127.0.0.1:9000\" is already taken by admin.listen",
                  "6:29: listeners.b.listen: \"[::1]:80\" is already taken by listeners.a.listen"));
}

TEST(ListenerProblems, KnowsTheDefaultAdminAddress) {
  EXPECT_THAT(
      problems_with("[listeners.a]\nlisten = [\"127.0.0.1:9901\"]\n"),
      ElementsAre("2:11: listeners.a.listen: \"127.0.0.1:9901\" is already taken by admin.listen"));
}

TEST(ListenerProblems, AllowsPortZeroMoreThanOnce) {
  EXPECT_THAT(
      problems_with("admin.listen = \"127.0.0.1:0\"\n[listeners.a]\nlisten = [\"127.0.0.1:0\", "
                    "\"127.0.0.1:0\"]\n"),
      ElementsAre());
}

TEST(ListenerProblems, TellsBadAdminAddress) {
  EXPECT_THAT(problems_with(
                  "[listeners.a]\nlisten = [\"0.0.0.0:80\"]\n[admin]\nlisten = \"x:1\"\nport = 1"),
              ElementsAre("4:10: admin.listen: \"x:1\" has a name where an address must be" + kHint,
                          "5:1: unknown key \"port\" in [admin]"));
}

TEST(ListenerProblems, TellsBadTrustedProxies) {
  EXPECT_THAT(
      problems_with("[listeners.a]\nlisten = [\"0.0.0.0:80\"]\n"
                    "trusted_proxies = [\"10.0.0.1/8\", \"proxy\", \"10.0.0.0/8\"]\n"),
      ElementsAre(
          "3:20: listeners.a.trusted_proxies: \"10.0.0.1/8\" has bits set beyond its prefix: "
          "write \"10.0.0.0/8\"",
          "3:34: listeners.a.trusted_proxies: \"proxy\" is neither an IP address nor a "
          "network such as \"10.0.0.0/8\""));
}

TEST(ListenerProblems, TellsBadNames) {
  EXPECT_THAT(
      problems_with("[listeners.\"a b\"]\nlisten = [\"0.0.0.0:80\"]\n[listeners]\nWeb = 5\n"),
      ElementsAre(
          "1:12: listener name \"a b\" must be 1 to 63 of a-z, 0-9, _ and -",
          "4:1: listener name \"Web\" must be 1 to 63 of a-z, 0-9, _ and -",
          "4:7: listeners.Web must be a table, not a whole number (write [listeners.Web] and "
          "its keys below)"));
}

TEST(ListenerProblems, TellsUnknownKeys) {
  EXPECT_THAT(problems_with("[listeners.a]\nlisten = [\"0.0.0.0:80\"]\nhttp3 = true\n"),
              ElementsAre("3:1: unknown key \"http3\" in [listeners.a] (did you mean \"http2\"?)"));
}

TEST(UnixListeners, AreRead) {
  const Model model = model_of(R"([listeners.web]
listen = ["unix:/run/web.sock", "127.0.0.1:80"]
unix_mode = "0666"
trusted_proxies = ["unix", "10.0.0.0/8"]
[[routes]]
pool = "app"
[pools.app]
backends = ["h:1"]
)");
  EXPECT_EQ(model.listeners[0].listen[0], "unix:/run/web.sock");
  EXPECT_EQ(model.listeners[0].unix_mode, 0666U);
  EXPECT_EQ(model.listeners[0].trusted_proxies[0], "unix");
}

TEST(UnixListeners, TellWhatIsWrong) {
  const auto problems = problems_of(R"([admin]
listen = "unix:/run/admin.sock"
[listeners.web]
listen = ["unix:web.sock", "unix:/run/a.sock", "unix:/run/a.sock"]
unix_mode = "0999"
[listeners.other]
listen = ["127.0.0.1:80"]
unix_mode = "1777"
[[routes]]
pool = "app"
[pools.app]
backends = ["h:1"]
)");
  ASSERT_EQ(problems.size(), 5U);
  EXPECT_EQ(problems[0].substr(0, 4), "2:10");
  EXPECT_NE(problems[1].find("needs an absolute path"), std::string::npos) << problems[1];
  EXPECT_NE(problems[2].find("already taken by"), std::string::npos) << problems[2];
  EXPECT_NE(problems[3].find("octal"), std::string::npos) << problems[3];
  EXPECT_NE(problems[4].find("octal"), std::string::npos) << problems[4];
}

}  // namespace
}  // namespace flaskscale::config
