// Keys that are recognised and whose parts come later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;

TEST(Unbuilt, IsSilentAboutValuesThatAskForNothing) {
  EXPECT_THAT(problems_of(R"([listeners.web]
listen = ["0.0.0.0:80"]
http2 = false
redirect_to_https = false
proxy_protocol = false
certificates = []
[[routes]]
pool = "app"
[pools.app]
slots = 1
protocol = "http1"
sticky_cookie = ""
[pools.app.scaling]
schedule = []
on_event = ""
[pools.app.scaling.process]
command = ["serve"]
)"),
              ElementsAre());
}

}  // namespace
}  // namespace flaskscale::config
