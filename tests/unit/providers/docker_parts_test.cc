#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT: mkdtemp, setenv

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "base/check.h"
#include "scaler/provider.h"
#include "scaler/providers/docker_api.h"
#include "scaler/providers/docker_credentials.h"
#include "scaler/providers/docker_endpoint.h"
#include "scaler/providers/docker_errors.h"
#include "scaler/providers/docker_image_name.h"
#include "scaler/providers/docker_messages.h"
#include "scaler/providers/docker_pull_progress.h"
#include "scaler/providers/docker_settings.h"
#include "scaler/providers/state_identity.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

DockerSettings sound_settings() {
  DockerSettings settings;
  settings.pool = "shop";
  settings.state_dir = "/tmp";
  settings.image = "shop:1";
  settings.port = 8000;
  return settings;
}

TEST(DockerSettings, SaysWhatCanNotWork) {
  const auto problem = [](const std::function<void(DockerSettings&)>& change) {
    DockerSettings settings = sound_settings();
    change(settings);
    const Result<void> sound = check(settings);
    return sound ? std::string() : sound.error().detail;
  };
  EXPECT_EQ(problem([](auto&) {}), "");
  EXPECT_THAT(problem([](auto& s) { s.image = ""; }), HasSubstr("needs an image"));
  EXPECT_THAT(problem([](auto& s) { s.image = "a b"; }), HasSubstr("no name of an image"));
  EXPECT_THAT(problem([](auto& s) { s.port = 0; }), HasSubstr("port"));
  EXPECT_THAT(problem([](auto& s) { s.host = "ssh://x"; }), HasSubstr("unix://"));
  EXPECT_THAT(problem([](auto& s) { s.network = "host"; }), HasSubstr("same port"));
  EXPECT_THAT(problem([](auto& s) { s.network = "none"; }), HasSubstr("reached"));
  EXPECT_THAT(problem([](auto& s) { s.network = "container:x"; }), HasSubstr("reached"));
  EXPECT_EQ(problem([](auto& s) { s.publish = "127.0.0.1"; }), "");
  EXPECT_THAT(problem([](auto& s) { s.publish = "0.0.0.0"; }), HasSubstr("no address that"));
  EXPECT_THAT(problem([](auto& s) { s.publish = "name"; }), HasSubstr("no IP address"));
  EXPECT_THAT(problem([](auto& s) { s.memory_bytes = 1000; }), HasSubstr("6MiB"));
  EXPECT_THAT(problem([](auto& s) { s.cpus = 0.001; }), HasSubstr("0.01"));
  EXPECT_THAT(problem([](auto& s) { s.cpus = -1; }), HasSubstr("0.01"));
  EXPECT_THAT(problem([](auto& s) { s.environment["A=B"] = ""; }), HasSubstr("A=B"));
}

TEST(DockerSettings, HaveAFingerprintOfWhatMakesAContainerAnother) {
  const std::string before = fingerprint(sound_settings());
  const auto changed = [&](const std::function<void(DockerSettings&)>& change) {
    DockerSettings settings = sound_settings();
    change(settings);
    return fingerprint(settings) != before;
  };
  EXPECT_TRUE(changed([](auto& s) { s.image = "shop:2"; }));
  EXPECT_TRUE(changed([](auto& s) { s.port = 1; }));
  EXPECT_TRUE(changed([](auto& s) { s.command = {"a", "b"}; }));
  EXPECT_TRUE(changed([](auto& s) { s.environment["A"] = "b"; }));
  EXPECT_TRUE(changed([](auto& s) { s.network = "n"; }));
  EXPECT_TRUE(changed([](auto& s) { s.publish = "127.0.0.1"; }));
  EXPECT_TRUE(changed([](auto& s) { s.memory_bytes = 1U << 30U; }));
  EXPECT_TRUE(changed([](auto& s) { s.cpus = 0.5; }));
  EXPECT_FALSE(changed([](auto& s) { s.stop_grace = std::chrono::hours(1); }));
  EXPECT_FALSE(changed([](auto& s) { s.host = "tcp://10.0.0.1:2375"; }));
  EXPECT_FALSE(changed([](auto& s) { s.pull = PullPolicy::never; }));
  DockerSettings one = sound_settings();
  DockerSettings other = sound_settings();
  one.command = {"ab", "c"};
  other.command = {"a", "bc"};
  EXPECT_NE(fingerprint(one), fingerprint(other));
}

TEST(DockerEndpoint, IsASocketOrAnAddress) {
  const auto parsed = [](const std::string& text) {
    const Result<DockerEndpoint> endpoint = DockerEndpoint::parse(text);
    return endpoint ? endpoint->unix_socket + "|" + endpoint->url : "";
  };
  EXPECT_EQ(parsed("unix:///var/run/docker.sock"), "/var/run/docker.sock|http://docker");
  EXPECT_EQ(parsed("tcp://10.0.0.1:2375"), "|http://10.0.0.1:2375");
  EXPECT_EQ(parsed("http://engine:2375/"), "|http://engine:2375");
  EXPECT_EQ(parsed("https://[::1]:2376"), "|https://[::1]:2376");
  for (const char* bad : {"", "unix://docker.sock", "tcp://", "tcp://host", "tcp://host:0",
                          "ftp://a:1", "/var/run/docker.sock"}) {
    EXPECT_EQ(parsed(bad), "") << bad;
  }
  EXPECT_EQ(parsed("unix:///" + std::string(200, 'x')), "");
}

TEST(DockerImageName, IsTakenApart) {
  const auto parsed = [](std::string_view text) {
    const Result<DockerImageName> name = DockerImageName::parse(text);
    return name ? name->registry + " " + name->repository + " " + name->version : "";
  };
  EXPECT_EQ(parsed("shop"), "docker.io shop latest");
  EXPECT_EQ(parsed("team/shop:1.2"), "docker.io team/shop 1.2");
  EXPECT_EQ(parsed("index.docker.io/team/shop"), "docker.io index.docker.io/team/shop latest");
  EXPECT_EQ(parsed("localhost:5000/shop"), "localhost:5000 localhost:5000/shop latest");
  EXPECT_EQ(parsed("eu.gcr.io/a/b:c@sha256:d"), "eu.gcr.io eu.gcr.io/a/b sha256:d");
  for (const char* bad : {"", ":", "a b", "a:", "/a", "a/", "a@b", "a?b", "a#b", "@sha256:x"}) {
    EXPECT_EQ(parsed(bad), "") << bad;
  }
}

TEST(DockerVersion, IsTheNewestThatBothSidesSpeak) {
  const auto chosen = [](const std::string& lowest, const std::string& highest) {
    const Result<std::string> version = choose_docker_api({"x", highest, lowest});
    return version ? *version : "";
  };
  EXPECT_EQ(chosen("1.12", "1.41"), "1.41");
  EXPECT_EQ(chosen("1.24", "1.51"), "1.47");
  EXPECT_EQ(chosen("", "1.44"), "1.44");
  EXPECT_EQ(chosen("1.12", "1.39"), "");
  EXPECT_EQ(chosen("1.48", "1.60"), "");
  EXPECT_EQ(chosen("1.12", "garbage"), "");
  EXPECT_EQ(chosen("1.12", "9999999999999.1"), "");
}

TEST(DockerMessages, SurviveAnyJson) {
  for (const char* body :
       {"", "null", "7", "[]", "[[]]", "{\"Id\":7}", "{\"Version\":[]}", "{\"State\":3}", "\"x\"",
        "{\"Id\":\"a\",\"State\":[],\"Config\":\"x\"}", "[null]", "{", "\xff\xfe"}) {
    EXPECT_FALSE(parse_docker_version(body));
    EXPECT_FALSE(parse_docker_id(body) &&
                 std::string_view(body).find("\"a\"") == std::string::npos);
    static_cast<void>(parse_docker_list(body, "bridge").has_value());
    const Result<DockerInspection> state = parse_docker_inspection(body);
    if (state) {
      EXPECT_EQ(state->stop_signal, "SIGTERM");
    }
    docker_message(body);
    docker_log_text(body, 100);
  }
  EXPECT_TRUE(parse_docker_list("[]", ""));
}

TEST(DockerMessages, TakeTheAddressFromWhereItIs) {
  Json entry = {{"Id", "1"},
                {"Names", {"/other/alias", "/shop-1"}},
                {"State", "running"},
                {"Labels", {{"flaskscale.port", "8000"}, {"other", "x"}}}};
  Json& networks = entry["NetworkSettings"]["Networks"];
  const auto address = [&](const std::string& network) {
    const auto list = parse_docker_list(Json::array({entry}).dump(), network);
    FS_CHECK(list.has_value() && list->size() == 1);
    EXPECT_EQ((*list)[0].name, "shop-1");
    EXPECT_FALSE((*list)[0].labels.contains("other"));
    return (*list)[0].address;
  };
  EXPECT_EQ(address("bridge"), "");
  networks["a"] = {{"IPAddress", "10.0.0.1"}};
  networks["b"] = {{"IPAddress", ""}, {"GlobalIPv6Address", "fd00::1"}};
  EXPECT_EQ(address("bridge"), "10.0.0.1:8000");
  EXPECT_EQ(address("b"), "[fd00::1]:8000");
  entry["Ports"] = {{{"PrivatePort", 9}, {"PublicPort", 99}, {"IP", "127.0.0.1"}},
                    {{"PrivatePort", 8000}, {"Type", "tcp"}},
                    {{"PrivatePort", 8000}, {"PublicPort", 32768}, {"IP", "127.0.0.1"}}};
  EXPECT_EQ(address("a"), "127.0.0.1:32768");
  entry["Labels"] = nullptr;
  EXPECT_EQ(address("a"), "");
}

TEST(DockerMessages, ReadALogInAnyFraming) {
  EXPECT_EQ(docker_log_text(std::string("\1\0\0\0\0\0\0\4one\n\2\0\0\0\0\0\0\3two", 23), 100),
            "one | two");
  EXPECT_EQ(docker_log_text("plain\ntext\n\n", 100), "plain | text");
  EXPECT_EQ(docker_log_text(std::string("\1\0\0\0\xff\xff\xff\xff"
                                        "cut",
                                        11),
                            100),
            "cut");
  EXPECT_EQ(docker_log_text("a long line", 4), "…line");
  EXPECT_EQ(docker_log_text("\x1b[31mred\r\n", 100), "[31mred");
}

TEST(DockerErrors, SayWhoHasToDoSomething) {
  const auto pull = [](int status, const std::string& text) {
    return obstacle_of(docker_pull_error(status, text, "shop:1"));
  };
  const auto error = [](int status, const std::string& text) {
    return docker_error(status, Json{{"message", text}}.dump(), "create").code;
  };
  EXPECT_EQ(
      pull(404,
           "pull access denied for x, repository does not exist or may require 'docker login'"),
      Obstacle::configuration);
  EXPECT_EQ(pull(404, "manifest for shop:1 not found: manifest unknown: manifest unknown"),
            Obstacle::configuration);
  EXPECT_EQ(pull(0, "no matching manifest for linux/arm64 in the manifest list entries"),
            Obstacle::configuration);
  EXPECT_EQ(pull(500, "unauthorized: authentication required"), Obstacle::configuration);
  EXPECT_EQ(pull(500, "Get https://r/v2/: dial tcp: lookup r: no such host"), Obstacle::other);
  EXPECT_EQ(pull(500, "toomanyrequests: You have reached your pull rate limit"), Obstacle::quota);
  EXPECT_EQ(pull(0, "failed to register layer: write /x: no space left on device"),
            Obstacle::capacity);
  EXPECT_EQ(pull(500, ""), Obstacle::other);
  EXPECT_EQ(error(500, "no space left on device"), ErrorCode::out_of_capacity);
  EXPECT_EQ(error(403, "no available IPv4 addresses on this network's address pools"),
            ErrorCode::out_of_capacity);
  EXPECT_EQ(error(400, "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
            ErrorCode::misconfigured);
  EXPECT_EQ(error(404, "No such image: shop:1"), ErrorCode::not_found);
  EXPECT_EQ(error(409, "Conflict. The name is already in use"), ErrorCode::already_exists);
  EXPECT_EQ(
      error(500, "OCI runtime create failed: exec: \"x\": executable file not found in $PATH"),
      ErrorCode::misconfigured);
  EXPECT_EQ(error(500, "driver failed: port is already allocated"), ErrorCode::address_in_use);
  EXPECT_EQ(error(503, "the engine is going away"), ErrorCode::unavailable);
  EXPECT_EQ(error(500, "something new"), ErrorCode::internal);
  EXPECT_EQ(docker_message("<html>\nno json"), "<html> | no json");
  EXPECT_FALSE(is_engine_unreachable(docker_error(503, "", "list")));
  EXPECT_TRUE(is_engine_unreachable(make_error(ErrorCode::timed_out, "")));
}

TEST(DockerPullProgress, AddsUpLayersAndKeepsTheError) {
  DockerPullProgress progress;
  EXPECT_EQ(progress.summary(), "");
  progress.feed(
      "{\"status\":\"Pulling from x\",\"id\":\"1.2\"}\r\n{\"status\":\"Pulling fs "
      "layer\",\"id\":\"a\"}\r\n{\"sta");
  progress.feed(
      "tus\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{\"current\":1024,\"total\":4096}}"
      "\r\n");
  progress.feed("garbage\n[]\n{\"status\":7,\"id\":[],\"progressDetail\":\"x\"}\n\n");
  progress.feed("{\"status\":\"Already exists\",\"id\":\"b\"}\n");
  EXPECT_EQ(progress.summary(), "1 of 2 layers, 1KiB of 4KiB");
  progress.feed("{\"status\":\"Pull complete\",\"id\":\"a\"}\n");
  EXPECT_EQ(progress.summary(), "2 of 2 layers, 4KiB of 4KiB");
  EXPECT_EQ(progress.error(), "");
  progress.feed("{\"error\":\"disk\\nfull\"}");
  progress.finish();
  EXPECT_EQ(progress.error(), "disk | full");
}

TEST(DockerPullProgress, StaysBounded) {
  DockerPullProgress progress;
  for (int i = 0; i < 100; ++i) progress.feed(std::string(10'000, 'x'));
  progress.feed("\n");
  for (int i = 0; i < 2000; ++i) {
    progress.feed("{\"status\":\"Waiting\",\"id\":\"" + std::to_string(i) + "\"}\n");
  }
  EXPECT_EQ(progress.summary(), "0 of 1000 layers");
}

class DockerCredentialsTest : public testing::Test {
 protected:
  DockerCredentialsTest() {
    char folder[] = "/tmp/flaskscale-test-XXXXXX";
    FS_CHECK(mkdtemp(folder) != nullptr);
    folder_ = folder;
  }
  ~DockerCredentialsTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text) const { std::ofstream(folder_ + "/config.json") << text; }
  // What the registry is told, as JSON; the error's text after "error: ".
  std::string login(const std::string& registry) {
    const DockerCredentials credentials(
        folder_ + "/config.json",
        [this](const std::string& program, const std::string& input) -> Result<std::string> {
          asked_ = program + " " + input;
          return helper_;
        });
    const Result<std::string> header = credentials.header_for(registry);
    if (!header) return "error: " + header.error().detail;
    const Result<std::string> text = base64_decoded(*header);
    return text ? *text : "no base64";
  }

  std::string folder_;
  std::string asked_;
  Result<std::string> helper_ = std::string();
};

TEST_F(DockerCredentialsTest, ComeFromTheAuthsOfTheConfiguration) {
  write(R"({"auths": {"https://index.docker.io/v1/": {"auth": "dTpwOnE="},
                      "registry.example.com:5000": {"identitytoken": "t"},
                      "https://other.example.com/v2/": {"username": "a", "password": "b"},
                      "empty.example.com": {}, "odd.example.com": 7,
                      "broken.example.com": {"auth": "!!"}}})");
  EXPECT_EQ(login("docker.io"),
            R"({"password":"p:q","serveraddress":"https://index.docker.io/v1/","username":"u"})");
  EXPECT_EQ(login("registry.example.com:5000"),
            R"({"identitytoken":"t","serveraddress":"registry.example.com:5000"})");
  EXPECT_EQ(login("other.example.com"),
            R"({"password":"b","serveraddress":"other.example.com","username":"a"})");
  EXPECT_EQ(login("empty.example.com"), "");
  EXPECT_EQ(login("odd.example.com"), "");
  EXPECT_EQ(login("unknown.example.com"), "");
  EXPECT_THAT(login("broken.example.com"), HasSubstr("no base64"));
}

TEST_F(DockerCredentialsTest, ComeFromAHelper) {
  write(R"({"auths": {"store.example.com": {}}, "credsStore": "store",
            "credHelpers": {"helped.example.com": "special"}})");
  helper_ = std::string(R"({"ServerURL":"x","Username":"u","Secret":"s"})");
  EXPECT_EQ(login("helped.example.com"),
            R"({"password":"s","serveraddress":"helped.example.com","username":"u"})");
  EXPECT_EQ(asked_, "docker-credential-special helped.example.com");
  helper_ = std::string(R"({"Username":"<token>","Secret":"s"})");
  EXPECT_EQ(login("docker.io"),
            R"({"identitytoken":"s","serveraddress":"https://index.docker.io/v1/"})");
  EXPECT_EQ(asked_, "docker-credential-store https://index.docker.io/v1/");
  helper_ = make_error(ErrorCode::misconfigured, "credentials not found in native keychain");
  EXPECT_EQ(login("store.example.com"), "");
  helper_ = make_error(ErrorCode::misconfigured, "docker-credential-store exited with status 1");
  EXPECT_THAT(login("store.example.com"), HasSubstr("error: docker-credential-store"));
  helper_ = std::string("[]");
  EXPECT_THAT(login("store.example.com"), HasSubstr("makes no sense"));
}

TEST_F(DockerCredentialsTest, AskARealHelperWithATimeOut) {
  const std::string program = folder_ + "/docker-credential-test";
  std::ofstream(program)
      << "#!/bin/sh\nread server\n"
         "if [ \"$server\" = bad ]; then echo \"$1 failed\"; exit 1; fi\n"
         "echo \"{\\\"Username\\\":\\\"$1\\\",\\\"Secret\\\":\\\"$server\\\"}\"\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const CredentialHelper helper = credential_helper(nullptr);

  const Result<std::string> fine = helper(program, "registry\n");
  const Result<std::string> bad = helper(program, "bad\n");
  const Result<std::string> absent = helper("docker-credential-absent", "x");

  ASSERT_TRUE(fine) << fine.error().detail;
  EXPECT_EQ(*fine, "{\"Username\":\"get\",\"Secret\":\"registry\"}\n");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().detail, HasSubstr("get failed"));
  ASSERT_FALSE(absent);
}

TEST_F(DockerCredentialsTest, MustBeReadableWhereTheyAreNamed) {
  EXPECT_THAT(login("docker.io"), HasSubstr("can't be opened"));
  write("[1]");
  EXPECT_THAT(login("docker.io"), HasSubstr("no JSON object"));
  write("{");
  EXPECT_THAT(login("docker.io"), HasSubstr("no JSON object"));
  write(R"({"auths": [], "credHelpers": 7, "credsStore": {}})");
  EXPECT_EQ(login("docker.io"), "");
  setenv("DOCKER_CONFIG", (folder_ + "/absent").c_str(), 1);
  const Result<std::string> header = DockerCredentials("", nullptr).header_for("docker.io");
  unsetenv("DOCKER_CONFIG");
  ASSERT_TRUE(header) << header.error().detail;
  EXPECT_EQ(*header, "");
}

TEST(Base64, GoesBothWays) {
  for (const std::string text : {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd?>"}) {
    const Result<std::string> back = base64_decoded(base64_url_padded(text));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, text);
  }
  EXPECT_EQ(base64_url_padded("\xff\xfe\xfd?"), "__79Pw==");
  EXPECT_FALSE(base64_decoded("a b"));
}

TEST_F(DockerCredentialsTest, StateIdentityIsMadeOnceAndKept) {
  const std::string state_dir = folder_ + "/new/state";
  const Result<std::string> first = state_identity(state_dir);
  const Result<std::string> second = state_identity(state_dir);
  ASSERT_TRUE(first) << first.error().detail;
  ASSERT_TRUE(second);
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(first->size(), 16U);
  std::ofstream(state_dir + "/identity") << "rubbish";
  EXPECT_FALSE(state_identity(state_dir));
  EXPECT_FALSE(state_identity("/proc/nowhere"));
  EXPECT_FALSE(state_identity(""));
}

TEST(PercentEncoding, LeavesOnlyPlainLetters) {
  EXPECT_EQ(percent_encoded("a-b_c.d~e/f:{\"\xff"), "a-b_c.d~e%2Ff%3A%7B%22%FF");
}

}  // namespace
}  // namespace flaskscale::scaler
