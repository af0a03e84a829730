// Keys that are recognised and whose parts come later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;

TEST(Unbuilt, IsToldForListeners) {
  EXPECT_THAT(problems_of(R"([listeners.secure]
listen = ["0.0.0.0:443"]
http2 = true
redirect_to_https = true
proxy_protocol = true
[[listeners.secure.certificates]]
cert = "fullchain.pem"
[listeners.secure.tls]
min_version = "1.2"
[[routes]]
pool = "app"
[pools.app]
backends = ["h:1"]
)"),
              ElementsAre("3:1: not built yet: listeners.secure.http2",
                          "4:1: not built yet: listeners.secure.redirect_to_https",
                          "5:1: not built yet: listeners.secure.proxy_protocol",
                          "6:20: not built yet: listeners.secure.certificates",
                          "8:19: not built yet: listeners.secure.tls"));
}

TEST(Unbuilt, IsToldForPools) {
  EXPECT_THAT(problems_of(with_pool(R"(backends = ["h:1"]
balance = "consistent_hash"
protocol = "h2c"
sticky_cookie = "who"
tls = { ca = "ca.pem" }
)")),
              ElementsAre("3:11: not built yet: pools.app.balance = \"consistent_hash\"",
                          "4:12: not built yet: pools.app.protocol = \"h2c\"",
                          "5:1: not built yet: pools.app.sticky_cookie",
                          "6:1: not built yet: pools.app.tls"));
}

TEST(Unbuilt, IsToldForProvidersAndTheirTables) {
  EXPECT_THAT(problems_of(with_pool(R"(slots = 1
[pools.app.scaling]
provider = "gce"
schedule = [{ cron = "0 8 * * MON-FRI", duration = "2h", min = 5 }]
on_event = "https://hooks.example.com/"
[pools.app.scaling.docker]
image = "shop:1.2"
[pools.app.scaling.gce]
group = "shop"
[pools.app.scaling.exec]
list = ["./list.sh"]
)")),
              ElementsAre("4:12: not built yet: pools.app.scaling.provider = \"gce\"",
                          "5:1: not built yet: pools.app.scaling.schedule",
                          "6:1: not built yet: pools.app.scaling.on_event",
                          "7:20: not built yet: pools.app.scaling.docker",
                          "9:20: not built yet: pools.app.scaling.gce",
                          "11:20: not built yet: pools.app.scaling.exec"));
}

TEST(Unbuilt, IsToldForEachProvider) {
  for (const std::string provider : {"docker", "gce", "exec"}) {
    EXPECT_THAT(
        problems_of(with_pool("slots = 1\nscaling.provider = \"" + provider + "\"\n")),
        ElementsAre("3:20: not built yet: pools.app.scaling.provider = \"" + provider + "\""));
  }
}

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
