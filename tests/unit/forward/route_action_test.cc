#include "proxy/forward/route_action.h"

#include <gtest/gtest.h>

namespace flaskscale::forward {
namespace {

RouteAction stripping(std::string prefix) {
  config::RouteModel model;
  model.strip_prefix = std::move(prefix);
  return RouteAction(model);
}

RouteAction redirecting(std::string target) {
  config::RouteModel model;
  model.redirect = config::RedirectModel{302, std::move(target)};
  return RouteAction(model);
}

std::string location(const RouteAction& action, std::string_view authority, std::string_view path) {
  http::RequestHead request;
  request.authority = authority;
  request.path = path;
  http::ResponseHead head;
  std::string space;
  EXPECT_EQ(action.write_answer(request, "https", head, space), "");
  EXPECT_EQ(head.status, 302);
  return std::string(http::find_field(head.fields, "location"));
}

TEST(RouteAction, StripsWholeSegmentsOnly) {
  const RouteAction action = stripping("/shop");
  std::string space;
  EXPECT_EQ(action.rewrite_path("/shop/a?b", space), "/a?b");
  EXPECT_EQ(action.rewrite_path("/shop", space), "/");
  EXPECT_EQ(action.rewrite_path("/shop?x", space), "/?x");
  EXPECT_EQ(action.rewrite_path("/shop/", space), "/");
  EXPECT_EQ(action.rewrite_path("/shopping", space), "/shopping");
  EXPECT_EQ(action.rewrite_path("*", space), "*");
  EXPECT_FALSE(action.answers());
}

TEST(RouteAction, FillsInTheTarget) {
  const RouteAction action = redirecting("{scheme}://{host}:8443/new{path}{query}#end");
  EXPECT_TRUE(action.answers());
  EXPECT_EQ(location(action, "a.example:80", "/x/y?q=1"), "https://a.example:8443/new/x/y?q=1#end");
  EXPECT_EQ(location(action, "[::1]:80", "/"), "https://[::1]:8443/new/#end");
  EXPECT_EQ(location(action, "a", "*"), "https://a:8443/new/#end");
}

TEST(RouteAction, AnswersWithABody) {
  config::RouteModel model;
  model.respond = config::RespondModel{503, "later", "text/plain", 60};
  model.response_headers.set = {{"Content-Type", "text/html"}};
  const RouteAction action(model);  // the head's fields are views of it
  http::ResponseHead head;
  std::string space;
  EXPECT_EQ(action.write_answer({}, "http", head, space), "later");
  EXPECT_EQ(head.status, 503);
  EXPECT_EQ(head.content_length, 5U);
  EXPECT_EQ(head.framing, http::Framing::content_length);
  EXPECT_EQ(http::find_field(head.fields, "retry-after"), "60");
  EXPECT_EQ(http::find_field(head.fields, "content-type"), "text/html");
}

TEST(RouteAction, HasNoBodyWhereThereIsNone) {
  for (const uint16_t status : {uint16_t{204}, uint16_t{304}}) {
    config::RouteModel model;
    model.respond = config::RespondModel{status, "", "text/plain", 0};
    const RouteAction action(model);
    http::ResponseHead head;
    std::string space;
    EXPECT_EQ(action.write_answer({}, "http", head, space), "");
    EXPECT_EQ(head.framing, http::Framing::none);
    EXPECT_TRUE(head.fields.empty());
  }
}

}  // namespace
}  // namespace flaskscale::forward
