// Google's own command-line client as an independent judge of the emulator, where it is installed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/gce/discovery_file.h"
#include "tests/unit/gce_emulator/running_program.h"

namespace flaskscale::emulator {
namespace {

bool has_gcloud() { return std::system("command -v gcloud >/dev/null 2>&1") == 0; }

class GceGcloud : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_gcloud()) GTEST_SKIP() << "gcloud is not installed";
    auto discovery = discovery_for_tests();
    if (!discovery && must_have_discovery()) FAIL() << discovery.error().detail;
    if (!discovery) GTEST_SKIP() << discovery.error().detail;
    ASSERT_TRUE(program_.start({"--no-auth", "--rate", "20", "--project", "p", "--zones",
                                "us-central1-a", "--settings", settings_file()}));
  }

  std::string settings_file() {
    const std::string path = program_.directory() + "/settings.json";
    FILE* file = std::fopen(path.c_str(), "w");
    // gcloud follows only URLs of the host that it calls.
    std::fputs("{\"url_hosts\": \"self\"}", file);
    std::fclose(file);
    return path;
  }

  struct Output {
    int status = -1;
    std::string text;
  };
  // `gcloud compute instance-groups managed …` against the emulator, its output as JSON.
  Output gcloud(const std::string& arguments) {
    const std::string environment =
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE=" + program_.port("api") +
        " CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true CLOUDSDK_CORE_PROJECT=p"
        " CLOUDSDK_COMPUTE_ZONE=us-central1-a CLOUDSDK_CORE_DISABLE_PROMPTS=1"
        " CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true"
        " CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true"
        " CLOUDSDK_CONFIG=" +
        program_.directory() + "/gcloud ";
    const std::string command = environment +
                                "timeout 120 gcloud compute instance-groups managed " + arguments +
                                " 2>" + program_.directory() + "/errors";
    FILE* pipe = popen(command.c_str(), "r");
    Output output;
    if (pipe == nullptr) return output;
    char buffer[4096];
    for (size_t count = fread(buffer, 1, sizeof buffer, pipe); count > 0;
         count = fread(buffer, 1, sizeof buffer, pipe)) {
      output.text.append(buffer, count);
    }
    output.status = pclose(pipe);
    return output;
  }

  RunningProgram program_;
};

TEST_F(GceGcloud, DrivesTheSameVerbs) {
  EXPECT_EQ(gcloud("create-instance shop --instance=shop-aa").status, 0);
  EXPECT_EQ(gcloud("create-instance shop --instance=shop-bb").status, 0);
  EXPECT_EQ(gcloud("wait-until shop --stable --timeout=60").status, 0);
  const Output described = gcloud("describe shop --format=json");
  ASSERT_EQ(described.status, 0);
  EXPECT_EQ(Json::parse(described.text)["targetSize"], 2);

  EXPECT_EQ(gcloud("delete-instances shop --instances=shop-aa").status, 0);
  EXPECT_EQ(gcloud("resize shop --size=2").status, 0);
  EXPECT_EQ(gcloud("wait-until shop --stable --timeout=60").status, 0);
  const Output listed = gcloud("list-instances shop --format=json");
  ASSERT_EQ(listed.status, 0);
  const Json rows = Json::parse(listed.text);
  EXPECT_EQ(rows.size(), 2U);
  for (const Json& row : rows) EXPECT_NE(text_of(row, "name"), "shop-aa");

  const Json violations = program_.control("GET", "/_emu/violations");
  EXPECT_EQ(violations["count"], 0) << violations.dump(1);
  EXPECT_EQ(program_.stop(), 0);
}

}  // namespace
}  // namespace flaskscale::emulator
