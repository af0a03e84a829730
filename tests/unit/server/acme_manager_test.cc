// Certificates by name, beside the serving.
#include "proxy/server/acme_manager.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "proxy/acme/paths.h"
#include "tests/unit/acme/fake_directory.h"

namespace flaskscale::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Nobody answers until somebody loses patience.
class SilentClient final : public scaler::HttpClient {
 public:
  Result<scaler::HttpResponse> send(const scaler::HttpRequest& /*request*/) override {
    std::unique_lock lock(mutex_);
    asked_ = true;
    wake_.notify_all();
    wake_.wait(lock, [this] { return cancelled_; });
    return make_error(ErrorCode::cancelled, "given up");
  }
  void cancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    wake_.notify_all();
  }
  bool wait_until_asked() {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, seconds(20), [this] { return asked_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool asked_ = false;
  bool cancelled_ = false;
};

class AcmeManagerTest : public testing::Test {
 protected:
  AcmeManagerTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "acme-XXXXXX").string();
    root = mkdtemp(pattern.data());
    model.server.state_dir = root + "/state";
    model.acme.directory = acme::FakeDirectory::kUrl;
    model.acme.agree_terms = true;
    want({"shop.example.com"});
    pace.first_look = milliseconds(5);
    ca->now = std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
  }
  ~AcmeManagerTest() override { std::filesystem::remove_all(root); }

  void want(std::vector<std::string> names) {
    config::ListenerModel listener;
    listener.name = "secure";
    listener.listen = {"127.0.0.1:443"};
    if (!names.empty()) {
      config::CertificateModel certificate;
      certificate.acme = std::move(names);
      listener.certificates = {certificate};
    }
    model.listeners = {listener};
  }

  std::unique_ptr<AcmeManager> make(std::shared_ptr<scaler::HttpClient> client) {
    return std::make_unique<AcmeManager>(challenges, 1, pace,
                                         [client](const std::string&) { return client; });
  }

  template <typename Condition>
  static bool wait_for(Condition condition) {
    const Time end = Clock::now() + seconds(20);
    while (!condition() && Clock::now() < end) std::this_thread::sleep_for(milliseconds(2));
    return condition();
  }

  std::string root;
  config::Model model;
  acme::Pace pace;
  forward::AcmeChallenges challenges;
  std::shared_ptr<acme::FakeDirectory> ca =
      std::make_shared<acme::FakeDirectory>([this](const std::string& token) {
        return challenges.find("/.well-known/acme-challenge/" + token).value_or("");
      });
};

TEST_F(AcmeManagerTest, HasAPairToServeBeforeAnythingIsAsked) {
  const auto manager = make(ca);
  ASSERT_TRUE(manager->prepare(model));
  const auto files =
      acme::certificate_files(model.server.state_dir, model.acme.directory, "shop.example.com");
  EXPECT_TRUE(std::filesystem::exists(files.chain));
  EXPECT_TRUE(std::filesystem::exists(files.key));
  EXPECT_FALSE(manager->status());
  EXPECT_TRUE(ca->requests.empty());
}

TEST_F(AcmeManagerTest, GetsACertificateAndCountsIt) {
  const auto manager = make(ca);
  ASSERT_TRUE(manager->prepare(model));
  manager->commit(model);
  ASSERT_TRUE(wait_for([&] { return manager->status()->issued == 1; }));
  const admin::AcmeStatus status = *manager->status();
  ASSERT_EQ(status.certificates.size(), 1U);
  EXPECT_FALSE(status.certificates[0].is_stand_in);
  EXPECT_GT(status.certificates[0].next_seconds, 3600.0);
  EXPECT_TRUE(challenges.is_empty());
}

TEST_F(AcmeManagerTest, FollowsReloads) {
  const auto manager = make(ca);
  ASSERT_TRUE(manager->prepare(model));
  manager->commit(model);
  ASSERT_TRUE(wait_for([&] { return manager->status()->issued == 1; }));
  want({"www.example.com"});
  ASSERT_TRUE(manager->prepare(model));
  manager->commit(model);
  ASSERT_TRUE(wait_for([&] { return manager->status()->issued == 2; }));
  EXPECT_EQ(manager->status()->certificates[0].names.front(), "www.example.com");
  want({});
  ASSERT_TRUE(manager->prepare(model));
  manager->commit(model);
  ASSERT_TRUE(wait_for([&] { return manager->status()->certificates.empty(); }));
  EXPECT_EQ(manager->status()->issued, 2U);
}

TEST_F(AcmeManagerTest, EndsAtOnceThoughTheDirectoryIsSilent) {
  const auto silent = std::make_shared<SilentClient>();
  auto manager = make(silent);
  ASSERT_TRUE(manager->prepare(model));
  manager->commit(model);
  ASSERT_TRUE(silent->wait_until_asked());
  const Time began = Clock::now();
  manager.reset();
  EXPECT_LT(Clock::now() - began, seconds(5));
}

TEST_F(AcmeManagerTest, WithoutSuchCertificatesThereIsNoThread) {
  want({});
  const auto manager = make(ca);
  ASSERT_TRUE(manager->prepare(model));
  manager->commit(model);
  EXPECT_FALSE(manager->status());
  EXPECT_FALSE(std::filesystem::exists(model.server.state_dir));
}

TEST_F(AcmeManagerTest, AStateFolderThatCantBeIsAnErrorThatNamesTheKey) {
  model.server.state_dir = "/dev/null/state";
  const auto manager = make(ca);
  const auto prepared = manager->prepare(model);
  ASSERT_FALSE(prepared);
  EXPECT_NE(prepared.error().detail.find("server.state_dir"), std::string::npos);
}

TEST_F(AcmeManagerTest, WarnsWithoutAListenerAtPort80) {
  EXPECT_TRUE(acme_warning(model));
  config::ListenerModel web;
  web.listen = {"[::]:80"};
  model.listeners.push_back(web);
  EXPECT_FALSE(acme_warning(model));
  want({});
  EXPECT_FALSE(acme_warning(model));
}

TEST(AcmeChallenges, AnswersItsTokensOnly) {
  forward::AcmeChallenges challenges;
  EXPECT_TRUE(challenges.is_empty());
  challenges.put_up("tok", "tok.print");
  challenges.put_up("tok", "tok.print");
  EXPECT_EQ(challenges.find("/.well-known/acme-challenge/tok"), "tok.print");
  for (const char* path : {"/.well-known/acme-challenge/", "/.well-known/acme-challenge/tok?x",
                           "/.well-known/acme-challenge/to", "/tok", "tok", ""}) {
    EXPECT_EQ(challenges.find(path), std::nullopt) << path;
  }
  challenges.take_down("tok");
  EXPECT_FALSE(challenges.is_empty());
  challenges.take_down("tok");
  challenges.take_down("tok");
  EXPECT_TRUE(challenges.is_empty());
}

}  // namespace
}  // namespace flaskscale::server
