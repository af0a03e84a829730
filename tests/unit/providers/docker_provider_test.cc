#include "scaler/providers/docker_provider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT: mkdtemp

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/check.h"
#include "tests/unit/providers/fake_docker_engine.h"

namespace flaskscale::scaler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr const char* kIdentity = "00112233445566ff";

class DockerProviderTest : public testing::Test {
 protected:
  DockerProviderTest() {
    char folder[] = "/tmp/flaskscale-test-XXXXXX";
    FS_CHECK(mkdtemp(folder) != nullptr);
    folder_ = folder;
    std::ofstream(folder_ + "/identity") << kIdentity << "\n";
    wanted_.pool = "shop";
    wanted_.state_dir = folder_;
    wanted_.image = "shop:1";
    wanted_.port = 8000;
    wanted_.registry_auth = folder_ + "/config.json";
    std::ofstream(wanted_.registry_auth) << "{}";
  }
  ~DockerProviderTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<DockerProvider> make() {
    DockerParts parts;
    parts.make_client = [this](const DockerEndpoint&) {
      return std::make_unique<FakeDockerClient>(engine_);
    };
    parts.now = [this] { return now_.load(); };
    return std::make_unique<DockerProvider>(wanted_, parts);
  }
  static InstanceCall call(std::vector<std::string> names) { return {std::move(names), "", "r"}; }
  // A list that must work.
  static std::vector<InstanceReport> listed(DockerProvider& provider) {
    Result<std::vector<InstanceReport>> reports = provider.list();
    EXPECT_TRUE(reports) << reports.error().detail;
    return reports ? *reports : std::vector<InstanceReport>();
  }
  // Lists until `fine` says so, which must come soon: the puller is a thread.
  static std::vector<InstanceReport> listed_until(
      DockerProvider& provider, const std::function<bool(const InstanceReport&)>& fine) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (true) {
      auto reports = listed(provider);
      if (!reports.empty() && fine(reports[0])) return reports;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "not in time: " << (reports.empty() ? "no report" : reports[0].detail);
        return reports;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  std::string folder_;
  FakeDockerEngine engine_;
  DockerSettings wanted_;
  std::atomic<Time> now_ = Time{} + std::chrono::hours(1);
};

TEST_F(DockerProviderTest, MakesContainersAsConfigured) {
  wanted_.command = {"serve", "--port", "{port}"};
  wanted_.environment = {{"WHO", "{name}:{port}"}};
  wanted_.memory_bytes = 64U << 20U;
  wanted_.cpus = 1.5;
  wanted_.network = "front";
  wanted_.publish = "127.0.0.1";
  const auto provider = make();

  ASSERT_TRUE(provider->create(call({"shop-1"})));

  const auto& body = engine_.container("shop-1").body;
  EXPECT_EQ(body["Image"], "shop:1");
  EXPECT_EQ(body["Cmd"], (std::vector<std::string>{"serve", "--port", "8000"}));
  EXPECT_EQ(body["Env"], (std::vector<std::string>{"FLASKSCALE_INSTANCE=shop-1", "PORT=8000",
                                                   "WHO=shop-1:8000"}));
  EXPECT_TRUE(body["ExposedPorts"].contains("8000/tcp"));
  EXPECT_EQ(body["HostConfig"]["Init"], true);
  EXPECT_EQ(body["HostConfig"]["RestartPolicy"]["Name"], "no");
  EXPECT_EQ(body["HostConfig"]["Memory"], 64U << 20U);
  EXPECT_EQ(body["HostConfig"]["NanoCpus"], 1'500'000'000);
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "front");
  EXPECT_EQ(body["HostConfig"]["PortBindings"]["8000/tcp"][0]["HostIp"], "127.0.0.1");
  EXPECT_EQ(body["Labels"]["flaskscale.pool"], "shop");
  EXPECT_EQ(body["Labels"]["flaskscale.front_door"], kIdentity);
  EXPECT_EQ(engine_.container("shop-1").state, "running");
}

TEST_F(DockerProviderTest, ListsWhatRunsWithItsAddress) {
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1", "shop-2"})));

  const auto reports = listed(*provider);

  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_EQ(reports[0].name, "shop-1");
  EXPECT_EQ(reports[0].address, "172.17.0.1:8000");
  EXPECT_TRUE(reports[0].running);
  EXPECT_FALSE(reports[0].outdated);
  EXPECT_THAT(reports[0].version, testing::EndsWith("-aaaaaaaaaaaa"));
  EXPECT_EQ(engine_.count("flaskscale.pool%3Dshop"), 1U);
  EXPECT_EQ(engine_.count(std::string("flaskscale.front_door%3D") + kIdentity), 1U);
}

TEST_F(DockerProviderTest, FindsWhatAnEarlierRunMade) {
  ASSERT_TRUE(make()->create(call({"shop-1"})));

  const auto later = make();

  ASSERT_THAT(listed(*later), SizeIs(1));
  EXPECT_FALSE(listed(*later)[0].outdated);
  ASSERT_TRUE(later->create(call({"shop-1"})));
  EXPECT_THAT(listed(*later), SizeIs(1));
}

TEST_F(DockerProviderTest, StartsWhatAnEarlierRunCouldNotStartAnyMore) {
  ASSERT_TRUE(make()->create(call({"shop-1"})));
  engine_.container("shop-1").state = "created";
  const auto later = make();

  EXPECT_EQ(listed(*later)[0].detail, "being started");
  EXPECT_TRUE(listed(*later)[0].running);
}

TEST_F(DockerProviderTest, LeavesAStrangersContainerAlone) {
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1"})));
  engine_.container("shop-1").body["Labels"]["flaskscale.front_door"] = "ffffffffffffffff";

  const Result<void> made = provider->create(call({"shop-1"}));

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::already_exists);
  EXPECT_THAT(made.error().detail, HasSubstr("is not ours"));
  EXPECT_EQ(engine_.container("shop-1").state, "running");
}

TEST_F(DockerProviderTest, EndsWithTheImagesSignalAndKillsAfterTheGrace) {
  wanted_.stop_grace = std::chrono::seconds(5);
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1", "shop-2"})));
  engine_.container("shop-2").deaf = true;

  ASSERT_TRUE(provider->remove(call({"shop-1", "shop-2", "shop-unknown"})));
  ASSERT_TRUE(provider->remove(call({"shop-2"})));

  EXPECT_THAT(engine_.container("shop-1").signals, ElementsAre("SIGQUIT"));
  EXPECT_THAT(engine_.container("shop-2").signals, ElementsAre("SIGQUIT"));
  auto reports = listed(*provider);
  ASSERT_THAT(reports, SizeIs(1));  // the one that ended is removed
  EXPECT_EQ(reports[0].detail, "being ended");
  EXPECT_TRUE(reports[0].running);
  EXPECT_FALSE(engine_.has("shop-1"));
  now_ = now_.load() + std::chrono::seconds(5);
  EXPECT_THAT(listed(*provider), SizeIs(1));
  EXPECT_THAT(engine_.container("shop-2").signals, ElementsAre("SIGQUIT", "SIGKILL"));
  EXPECT_THAT(listed(*provider), IsEmpty());
  EXPECT_FALSE(engine_.has("shop-2"));
}

TEST_F(DockerProviderTest, WakesAPausedContainerToEndIt) {
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1"})));
  engine_.container("shop-1").state = "paused";

  EXPECT_EQ(listed(*provider)[0].detail, "paused");
  ASSERT_TRUE(provider->remove(call({"shop-1"})));

  EXPECT_EQ(engine_.count("/unpause"), 1U);
  EXPECT_THAT(listed(*provider), IsEmpty());
}

TEST_F(DockerProviderTest, SaysHowAContainerEnded) {
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1"})));
  engine_.end("shop-1", 137);
  engine_.container("shop-1").out_of_memory = true;
  engine_.container("shop-1").log =
      std::string("\1\0\0\0\0\0\0\7first\x1b\n", 15) + std::string("\2\0\0\0\0\0\0\7second\n", 15);

  const auto reports = listed(*provider);
  listed(*provider);

  ASSERT_THAT(reports, SizeIs(1));
  EXPECT_TRUE(reports[0].exited);
  EXPECT_FALSE(reports[0].running);
  EXPECT_THAT(reports[0].detail, HasSubstr("exited with status 137"));
  EXPECT_THAT(reports[0].detail, HasSubstr("more memory"));
  EXPECT_THAT(reports[0].detail, HasSubstr("first | second"));
  EXPECT_EQ(engine_.count("/logs"), 1U);
  ASSERT_TRUE(provider->remove(call({"shop-1"})));
  EXPECT_FALSE(engine_.has("shop-1"));
  EXPECT_THAT(listed(*provider), IsEmpty());
}

TEST_F(DockerProviderTest, CallsOldWhatAReloadOrANewImageHasOvertaken) {
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1"})));

  wanted_.environment["COLOUR"] = "blue";
  provider->apply(wanted_);
  EXPECT_TRUE(listed(*provider)[0].outdated);
  wanted_.environment.clear();
  wanted_.stop_grace = std::chrono::seconds(1);
  provider->apply(wanted_);
  EXPECT_FALSE(listed(*provider)[0].outdated);
  engine_.images["shop:1"] = "sha256:bbbbbbbbbbbbbbbbbbbb";
  EXPECT_TRUE(listed(*provider)[0].outdated);
  engine_.images.erase("shop:1");
  EXPECT_FALSE(listed(*provider)[0].outdated);
  wanted_.image = "shop:2";
  provider->apply(wanted_);
  EXPECT_TRUE(listed(*provider)[0].outdated);
}

TEST_F(DockerProviderTest, TellsThatTheEngineIsAwayAndGoesOnWhenItIsBack) {
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1"})));
  engine_.down = true;

  const auto list = provider->list();
  const Result<void> create = provider->create(call({"shop-2"}));
  const Result<void> remove = provider->remove(call({"shop-1"}));

  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, ErrorCode::connect_failed);
  ASSERT_FALSE(create);
  EXPECT_EQ(create.error().retry, Retry::always);
  ASSERT_FALSE(remove);
  EXPECT_EQ(remove.error().retry, Retry::always);
  engine_.down = false;
  engine_.version["ApiVersion"] = "1.51";
  EXPECT_THAT(listed(*provider), SizeIs(1));
  EXPECT_EQ(engine_.count("/v1.47/"), 2U);
  ASSERT_TRUE(provider->create(call({"shop-2"})));
  EXPECT_THAT(listed(*provider), SizeIs(2));
}

TEST_F(DockerProviderTest, KeepsTheRestOfABatchWhenOneFails) {
  const auto provider = make();
  engine_.refuse("/start", 500, "driver failed: Bind for 127.0.0.1:80: port is already allocated");

  ASSERT_TRUE(provider->create(call({"shop-1", "shop-2"})));

  auto reports = listed(*provider);
  ASSERT_THAT(reports, SizeIs(2));
  EXPECT_EQ(reports[0].name, "shop-2");
  EXPECT_TRUE(reports[0].running);
  EXPECT_EQ(reports[1].name, "shop-1");
  EXPECT_EQ(reports[1].obstacle, Obstacle::other);
  EXPECT_THAT(reports[1].detail, HasSubstr("port is already allocated"));
  EXPECT_FALSE(engine_.has("shop-1"));
  ASSERT_TRUE(provider->remove(call({"shop-1"})));
  EXPECT_THAT(listed(*provider), SizeIs(1));
}

TEST_F(DockerProviderTest, FailsAsAWholeWhenNothingCouldBeMade) {
  const auto provider = make();
  engine_.refuse("/create", 500, "write /var/lib/docker/x: no space left on device");

  const Result<void> made = provider->create(call({"shop-1"}));

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::out_of_capacity);
  EXPECT_THAT(listed(*provider), IsEmpty());
}

TEST_F(DockerProviderTest, PullsAMissingImageWhileItsInstancesWait) {
  wanted_.image = "registry.example.com/shop:2";
  std::ofstream(wanted_.registry_auth)
      << R"({"auths": {"registry.example.com": {"auth": "dTpw"}}})";
  engine_.registry["registry.example.com/shop:2"] = "sha256:cccccccccccccccccccc";
  engine_.pull_lines = {
      R"({"status":"Pulling from shop","id":"2"})",
      R"({"status":"Downloading","id":"l1","progressDetail":{"current":1048576,"total":4194304}})"};
  engine_.hold_pulls();
  const auto provider = make();

  ASSERT_TRUE(provider->create(call({"shop-1", "shop-2"})));
  ASSERT_TRUE(provider->create(call({"shop-1", "shop-2"})));
  const auto waiting = listed_until(
      *provider, [](const InstanceReport& r) { return r.detail.find("1MiB of") != r.detail.npos; });

  ASSERT_THAT(waiting, SizeIs(2));
  EXPECT_FALSE(waiting[0].running);
  EXPECT_EQ(waiting[0].obstacle, Obstacle::none);
  EXPECT_EQ(waiting[0].detail,
            "image registry.example.com/shop:2 is being pulled: 0 of 1 layers, 1MiB of 4MiB");
  ASSERT_TRUE(provider->remove(call({"shop-2"})));
  engine_.let_go();
  const auto made = listed_until(*provider, [](const InstanceReport& r) { return r.running; });
  EXPECT_THAT(made, SizeIs(1));
  EXPECT_EQ(engine_.count("/images/create?fromImage=registry.example.com%2Fshop&tag=2"), 1U);
  const Result<std::string> login = base64_decoded(engine_.registry_auth);
  ASSERT_TRUE(login);
  EXPECT_EQ(*login, R"({"password":"p","serveraddress":"registry.example.com","username":"u"})");
}

TEST_F(DockerProviderTest, TellsWhyAnImageCanNotBePulled) {
  wanted_.image = "shop:9";
  engine_.pull_lines = {R"({"errorDetail":{"message":"x"},"error":"manifest unknown"})"};
  const auto provider = make();

  ASSERT_TRUE(provider->create(call({"shop-1"})));
  auto reports =
      listed_until(*provider, [](const InstanceReport& r) { return r.obstacle != Obstacle::none; });

  EXPECT_EQ(reports[0].obstacle, Obstacle::configuration);
  EXPECT_THAT(reports[0].detail, StartsWith("image shop:9 can't be pulled: manifest unknown"));
  ASSERT_TRUE(provider->remove(call({"shop-1"})));
  EXPECT_THAT(listed(*provider), IsEmpty());

  engine_.pull_lines.clear();
  engine_.refuse("/images/create", 404, "pull access denied for shop, repository does not exist");
  ASSERT_TRUE(provider->create(call({"shop-2"})));
  reports =
      listed_until(*provider, [](const InstanceReport& r) { return r.obstacle != Obstacle::none; });
  EXPECT_EQ(reports[0].obstacle, Obstacle::configuration);
}

TEST_F(DockerProviderTest, UsesTheImageAtHandWhenTheRegistryIsAway) {
  wanted_.pull = PullPolicy::always;
  engine_.refuse("/images/create", 500, "dial tcp: lookup registry: no such host");
  const auto provider = make();

  ASSERT_TRUE(provider->create(call({"shop-1"})));

  EXPECT_THAT(listed_until(*provider, [](const InstanceReport& r) { return r.running; }),
              SizeIs(1));
  EXPECT_EQ(engine_.count("/images/create"), 1U);
}

TEST_F(DockerProviderTest, NeverPullsWhenToldSo) {
  wanted_.pull = PullPolicy::never;
  wanted_.image = "shop:9";
  const auto provider = make();

  const Result<void> made = provider->create(call({"shop-1"}));

  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::misconfigured);
  EXPECT_EQ(engine_.count("/images/create"), 0U);
}

TEST_F(DockerProviderTest, FollowsAReloadToAnotherImageWhilePulling) {
  wanted_.image = "shop:2";
  engine_.hold_pulls();
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1"})));
  listed_until(*provider,
               [&](const InstanceReport&) { return engine_.count("/images/create") > 0; });

  wanted_.image = "shop:1";
  provider->apply(wanted_);

  EXPECT_THAT(listed_until(*provider, [](const InstanceReport& r) { return r.running; }),
              SizeIs(1));
  EXPECT_EQ(engine_.container("shop-1").body["Image"], "shop:1");
}

TEST_F(DockerProviderTest, CancelsAPullWhenItGoes) {
  wanted_.image = "shop:2";
  engine_.hold_pulls();
  auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1"})));
  listed_until(*provider,
               [&](const InstanceReport&) { return engine_.count("/images/create") > 0; });

  provider.reset();

  EXPECT_FALSE(engine_.has("shop-1"));
}

TEST_F(DockerProviderTest, BelievesNoListThatMakesNoSense) {
  const auto provider = make();
  ASSERT_TRUE(provider->create(call({"shop-1"})));
  for (const char* body : {"", "{}", "[{}]", "[7]", "[{\"Id\":\"x\"}]",
                           "[{\"Id\":\"x\",\"Names\":[7]}]", "[", "\xff"}) {
    engine_.answer_with("/containers/json", body);
    EXPECT_FALSE(provider->list()) << body;
  }
  EXPECT_THAT(listed(*provider), SizeIs(1));
}

TEST_F(DockerProviderTest, ChecksEngineImageAndNetwork) {
  wanted_.network = "front";
  const auto provider = make();

  const auto findings = provider->check_online();

  ASSERT_THAT(findings, SizeIs(3));
  EXPECT_TRUE(findings[0].fine);
  EXPECT_THAT(findings[0].detail, HasSubstr("20.10.24"));
  EXPECT_TRUE(findings[1].fine);
  EXPECT_FALSE(findings[2].fine);
  EXPECT_EQ(findings[2].hint, "docker network create front");
  engine_.down = true;
  ASSERT_THAT(provider->check_online(), SizeIs(1));
  EXPECT_FALSE(provider->check_online()[0].fine);
}

TEST_F(DockerProviderTest, RefusesNamesAndSettingsThatCanNotBe) {
  const auto provider = make();
  for (const char* name : {"", "a", "Shop", "../x", "-ab", "a b"}) {
    const Result<void> made = provider->create(call({name}));
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
  }
  wanted_.network = "host";
  provider->apply(wanted_);
  const Result<void> made = provider->create(call({"shop-1"}));
  ASSERT_FALSE(made);
  EXPECT_EQ(obstacle_of(made.error()), Obstacle::configuration);
}

}  // namespace
}  // namespace flaskscale::scaler
