// An emulated project and a client that calls it, for the emulator's own tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/gce/discovery_file.h"
#include "tests/support/gce/emulator.h"
#include "tests/support/gce/in_process_client.h"
#include "tests/support/gce/simulated_host.h"

namespace flaskscale::emulator {

struct Called {
  int status = 0;  // 0: no response
  Json body;
  ErrorCode error = ErrorCode::internal;
};

// At the end: the emulator's own responses were right, and the requests too unless said otherwise.
class EmulatorTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A new project with these settings.
  void open(Settings settings);

  // `path` is below the project ("zones/us-central1-a/…"); the token is fetched when needed.
  Called call(const std::string& verb, const std::string& path, const Json& body = {});
  Called group_call(const std::string& method, const Json& body = {},
                    const std::string& query = "");
  Json group() { return call("GET", kGroup).body; }
  // managedInstances, by name.
  Json members();
  std::vector<std::string> create(int count);
  void pass(double seconds) { emulator_->advance(seconds); }
  std::string fault(const Json& fault);
  Json act(const std::string& what, const Json& body);
  std::string token();

  static constexpr const char* kZone = "zones/us-central1-a";
  static constexpr const char* kGroup = "zones/us-central1-a/instanceGroupManagers/shop";

  std::shared_ptr<const Discovery> discovery_;
  SimulatedHost host_;
  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<InProcessClient> client_;
  std::string token_;
  uint64_t expected_violations_ = 0;
  int made_ = 0;
};

}  // namespace flaskscale::emulator
