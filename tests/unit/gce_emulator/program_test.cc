// The emulator as a program: real sockets, and machines that are real processes.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "tests/support/gce/discovery_file.h"
#include "tests/unit/gce_emulator/running_program.h"

namespace flaskscale::emulator {
namespace {

// Or dead but not yet waited for by whoever inherited it.
bool has_ended(int process) {
  if (kill(process, 0) != 0) return true;
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  return name_end == std::string::npos || line.substr(name_end + 2, 1) == "Z";
}

class GceProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    auto discovery = discovery_for_tests();
    if (!discovery && must_have_discovery()) FAIL() << discovery.error().detail;
    if (!discovery) GTEST_SKIP() << discovery.error().detail;
    ASSERT_TRUE(program_.start({"--no-auth", "--rate", "50", "--size", "1"}));
  }

  Json machine(const std::string& name = "") {
    const Json state = program_.control("GET", "/_emu/state");
    for (const Json& each : state["instances"]) {
      if (name.empty() || text_of(each, "name") == name) return each;
    }
    return {};
  }
  static bool comes_true(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  RunningProgram::Response ask(const Json& machine, const std::string& path) {
    return RunningProgram::fetch("GET", "http://" + text_of(machine, "address") + ":" +
                                            std::to_string(program_.backend_port()) + path);
  }
  RunningProgram::Response group_call(const std::string& method, const Json& body) {
    return RunningProgram::fetch(
        "POST",
        program_.port("api") +
            "projects/shop-project/zones/us-central1-a/instanceGroupManagers/shop/" + method,
        body.dump());
  }

  RunningProgram program_;
};

TEST_F(GceProgram, MachinesServeAtAddressesOfTheirOwn) {
  const Json first = machine();
  ASSERT_TRUE(comes_true([&] { return ask(first, "/healthz").status == 200; }));
  EXPECT_EQ(ask(first, "/x?status=418").status, 418);

  ASSERT_EQ(group_call("createInstances", {{"instances", {{{"name", "shop-new"}}}}}).status, 200);
  ASSERT_TRUE(comes_true([&] { return ask(machine("shop-new"), "/").status == 200; }));
  EXPECT_EQ(ask(machine("shop-new"), "/").body,
            "shop-new " + text_of(machine("shop-new"), "id") + "\n");
  EXPECT_NE(text_of(machine("shop-new"), "address"), text_of(first, "address"));

  const int process = machine("shop-new")["pid"];
  ASSERT_EQ(group_call("deleteInstances",
                       {{"instances", {"shop-new"}}, {"skipInstancesOnValidationError", true}})
                .status,
            200);
  EXPECT_TRUE(comes_true([&] { return has_ended(process); }));
  EXPECT_TRUE(comes_true([&] { return machine("shop-new").is_null(); }));
  EXPECT_EQ(program_.stop(), 0);
}

TEST_F(GceProgram, BreaksFreezesAndHealsTheirPrograms) {
  const std::string name = text_of(machine(), "name");
  ASSERT_TRUE(comes_true([&] { return ask(machine(), "/").status == 200; }));
  program_.control("POST", "/_emu/actions/break", {{"name", name}, {"status", 503}});
  EXPECT_EQ(ask(machine(), "/").status, 503);
  program_.control("POST", "/_emu/actions/heal", {{"name", name}});
  EXPECT_TRUE(comes_true([&] { return ask(machine(), "/").status == 200; }));
  program_.control("POST", "/_emu/actions/crash", {{"name", name}});
  EXPECT_EQ(ask(machine(), "/").status, 0);
}

TEST_F(GceProgram, SpoilsResponsesOnRealSockets) {
  const std::string url =
      program_.port("api") + "projects/shop-project/zones/us-central1-a/instanceGroupManagers/shop";
  const auto spoil = [&](Json fault) {
    fault["times"] = 1;
    fault["method"] = "*.get";
    EXPECT_TRUE(program_.control("POST", "/_emu/faults", fault).contains("id"));
    return RunningProgram::fetch("GET", url);
  };
  EXPECT_EQ(RunningProgram::fetch("GET", url).status, 200);
  EXPECT_EQ(spoil({{"kind", "reset"}, {"when", "after"}}).status, 0);
  EXPECT_EQ(spoil({{"kind", "truncate"}}).status, 0);
  EXPECT_EQ(spoil({{"kind", "http"}, {"status", 429}, {"retry_after", 7}}).status, 429);
  EXPECT_EQ(RunningProgram::fetch("GET", url).status, 200);
}

TEST_F(GceProgram, LeavesNoProcessBehindHoweverItEnds) {
  ASSERT_TRUE(comes_true([&] { return ask(machine(), "/").status == 200; }));
  const int process = machine()["pid"];
  program_.kill_hard();
  EXPECT_TRUE(comes_true([&] { return has_ended(process); }));
}

}  // namespace
}  // namespace flaskscale::emulator
