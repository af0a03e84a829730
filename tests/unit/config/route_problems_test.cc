// What can be wrong in [[routes]].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;

// The text, then a listener and the pools "app" and "shop".
std::vector<std::string> problems_with(std::string_view text) {
  return problems_of(std::string(text) + R"(
[listeners.web]
listen = ["127.0.0.1:8080"]
[pools.app]
backends = ["10.0.0.1:80"]
[pools.shop]
backends = ["10.0.0.1:80"]
)");
}

TEST(RouteProblems, TellsThatThereIsNone) {
  EXPECT_THAT(problems_with(""),
              ElementsAre("1:1: no route (add [[routes]] with the name of a pool)"));
  EXPECT_THAT(problems_with("\nroutes = []"),
              ElementsAre("2:10: no route (add [[routes]] with the name of a pool)"));
}

TEST(RouteProblems, TellsWhatIsNoRoute) {
  EXPECT_THAT(problems_with("[routes]\npool = \"app\"\n"),
              ElementsAre("1:1: routes must be a list of tables (write [[routes]])"));
  EXPECT_THAT(
      problems_with("routes = [\"app\", { pool = \"app\" }]\n"),
      ElementsAre(
          "1:11: a route must be a table, not a text (write [[routes]] and its keys below)"));
}

TEST(RouteProblems, TellsUnknownPoolsWithTheNearest) {
  EXPECT_THAT(
      problems_with("[[routes]]\npool = \"shp\"\npaths = [\"/x\"]\n[[routes]]\npool = \"other\"\n"),
      ElementsAre("2:8: there is no pool \"shp\" (did you mean \"shop\"?)",
                  "5:8: there is no pool \"other\""));
}

TEST(RouteProblems, TellsAMissingPool) {
  EXPECT_THAT(problems_with("\n[[routes]]\n"),
              ElementsAre("2:1: a route needs a pool, a redirect or a respond"));
  EXPECT_THAT(problems_with("[[routes]]\npool = 5\n"),
              ElementsAre("2:8: routes.pool must be a text, not a whole number"));
}

TEST(RouteProblems, TellsBadHosts) {
  EXPECT_THAT(
      problems_with(R"([[routes]]
pool = "app"
hosts = ["", "*", "a.*.com", "a.com:80", "https://a.com", "a/b",
         "caf\u00e9.com", "a..b", "*.1.2.3.4", 5]
)"),
      ElementsAre(
          "3:10: routes.hosts: \"\" is no host: leave hosts out to match all",
          "3:14: routes.hosts: \"*\" is no host: leave hosts out to match all",
          "3:19: routes.hosts: \"a.*.com\" has a wildcard that is not its whole first label, as in "
          "\"*.example.com\"",
          "3:30: routes.hosts: \"a.com:80\" has a port: write the host alone",
          "3:42: routes.hosts: \"https://a.com\" is a URL: write the host alone",
          "3:59: routes.hosts: \"a/b\" has a path: write it under paths",
          "4:10: routes.hosts: \"caf\xc3\xa9.com\" is no host: write other letters than ASCII as "
          "\"xn--…\"",
          "4:27: routes.hosts: \"a..b\" is no host name",
          "4:35: routes.hosts: \"*.1.2.3.4\" is a wildcard over an address",
          "4:48: routes.hosts must hold texts, not a whole number"));
}

TEST(RouteProblems, TellsBadPaths) {
  EXPECT_THAT(
      problems_with(R"([[routes]]
pool = "app"
paths = ["api", "/api/*", "/a?b", "/a b"]
)"),
      ElementsAre(
          "3:10: routes.paths: \"api\" does not begin with \"/\"",
          "3:17: routes.paths: \"/api/*\" has a wildcard: paths are prefixes, \"/api\" also "
          "matches \"/api/x\"",
          "3:27: routes.paths: \"/a?b\" has a query: routes look at the path only",
          "3:35: routes.paths: \"/a b\" has characters that must be percent-encoded in a "
          "path"));
}

TEST(RouteProblems, TellsUnknownKeys) {
  EXPECT_THAT(problems_with("[[routes]]\npool = \"app\"\nhost = [\"a\"]\n"),
              ElementsAre("3:1: unknown key \"host\" in [routes] (did you mean \"hosts\"?)"));
}

std::string never_reached(int line, int earlier) {
  return std::to_string(line) + ":1: this route is never reached: the one in line " +
         std::to_string(earlier) + " takes its requests (the first route that matches wins)";
}

TEST(RouteProblems, TellsRoutesThatAreNeverReached) {
  EXPECT_THAT(problems_with(R"([[routes]]
pool = "app"
hosts = ["a.com"]
paths = ["/x"]
[[routes]]
pool = "shop"
hosts = ["A.com."]
paths = ["/x"]
)"),
              ElementsAre(never_reached(5, 1)));
}

TEST(RouteProblems, TellsRoutesBehindWiderOnes) {
  EXPECT_THAT(problems_with(R"([[routes]]
pool = "app"
hosts = ["*.com"]
paths = ["/x", "/y"]
[[routes]]
pool = "shop"
hosts = ["a.com", "*.b.com"]
paths = ["/x/1", "/y"]
[[routes]]
pool = "shop"
[[routes]]
pool = "app"
paths = ["/new"]
)"),
              ElementsAre(never_reached(5, 1), never_reached(11, 9)));
}

TEST(RouteProblems, AllowsRoutesThatAreReachedInPart) {
  EXPECT_THAT(problems_with(R"([[routes]]
pool = "app"
hosts = ["*.a.com"]
paths = ["/x"]
[[routes]]
pool = "app"
hosts = ["a.com", "b.a.com"]
paths = ["/x"]
[[routes]]
pool = "app"
hosts = ["b.a.com"]
paths = ["/xy", "/x"]
[[routes]]
pool = "app"
hosts = ["*.com"]
paths = ["/x"]
[[routes]]
pool = "app"
)"),
              ElementsAre());
}

TEST(RouteProblems, DoesNotJudgeARouteByItsRightHalf) {
  EXPECT_THAT(
      problems_with("[[routes]]\npool = \"app\"\nhosts = [\"a:1\"]\n[[routes]]\npool = \"app\"\n"),
      ElementsAre("3:10: routes.hosts: \"a:1\" has a port: write the host alone"));
}

TEST(RouteActions, AreRead) {
  const Model model = model_of(completed(R"([[routes]]
paths = ["/shop/a", "/shop"]
pool = "app"
strip_prefix = "/shop/"
[routes.request_headers]
remove = ["X-Debug"]
set = { "X-Env" = "prod" }
[routes.response_headers]
add = { "X-Served" = "yes" }
[[routes]]
hosts = ["old.example"]
redirect = { target = "https://new.example{path}{query}", status = 308 }
[[routes]]
hosts = ["gone.example"]
respond = { status = 503, body = "<p>later", content_type = "text/html", retry_after = "90s" }
)"));
  EXPECT_EQ(model.routes[0].strip_prefix, "/shop");
  EXPECT_EQ(model.routes[0].request_headers.remove, std::vector<std::string>{"X-Debug"});
  EXPECT_EQ(model.routes[0].request_headers.set, (std::vector<HeaderModel>{{"X-Env", "prod"}}));
  EXPECT_EQ(model.routes[0].response_headers.add, (std::vector<HeaderModel>{{"X-Served", "yes"}}));
  EXPECT_EQ(model.routes[1].redirect, (RedirectModel{308, "https://new.example{path}{query}"}));
  EXPECT_EQ(model.routes[2].respond, (RespondModel{503, "<p>later", "text/html", 90}));
}

TEST(RouteActions, MustFitTogether) {
  EXPECT_THAT(problems_with(R"([[routes]]
hosts = ["a"]
pool = "app"
redirect = "https://b/"
[[routes]]
hosts = ["c"]
redirect = "https://b/"
respond = {}
[[routes]]
hosts = ["d"]
respond = { status = 204, body = "x" }
request_headers = { remove = ["a"] }
[[routes]]
paths = ["/x"]
pool = "app"
strip_prefix = "/y"
)"),
              ElementsAre("3:8: a route with redirect or respond has no pool",
                          "8:1: a route can't have both redirect and respond",
                          "11:11: routes.respond.body: there is none with this status",
                          "12:1: routes.request_headers needs a pool: no backend gets this request",
                          "16:16: routes.strip_prefix: not every path of this route begins with "
                          "\"/y\" (write paths = [\"/y\"])"));
}

TEST(RouteActions, CantWriteProtectedHeaders) {
  const auto problems = problems_with(R"([[routes]]
pool = "app"
[routes.request_headers]
remove = ["Host", "a b"]
set = { "Transfer_Encoding" = "x", "X-Forwarded-For" = "y", "Ok" = "fine", "Bad" = "a\nb" }
[routes.response_headers]
add = { "Connection" = "x", "Content-Length" = "1", "Number" = 5 }
)");
  EXPECT_EQ(problems.size(), 8U);
  for (const std::string& problem : problems) {
    const bool known = problem.find("is written by FlaskScale itself") != std::string::npos ||
                       problem.find("is no header") != std::string::npos ||
                       problem.find("must be a text") != std::string::npos;
    EXPECT_TRUE(known) << problem;
  }
}

TEST(RouteActions, RedirectsOnlyToWhatTheClientCantChoose) {
  for (const std::string target : {"https://{host}{path}{query}", "{scheme}://new.example/",
                                   "/new{path}", "/", "/login", "http://a.example:8080/x"}) {
    EXPECT_THAT(problems_with("[[routes]]\nredirect = \"" + target + "\"\n"), ElementsAre())
        << target;
  }
  for (const std::string target :
       {"{path}", "/{path}", "//evil{path}", "https://{path}", "https:///x", "ftp://a/", "", "a b",
        "https://{nowhere}/", "{host}", "javascript:x", "https://a/\\r\\nX: y", "/\\\\evil"}) {
    EXPECT_EQ(problems_with("[[routes]]\nredirect = \"" + target + "\"\n").size(), 1U) << target;
  }
}

TEST(RouteActions, TellsABodyFileThatIsNotThere) {
  const auto problems = problems_with("[[routes]]\nrespond = { body_file = \"nowhere.html\" }\n");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("can't be read"), std::string::npos) << problems[0];
}

}  // namespace
}  // namespace flaskscale::config
