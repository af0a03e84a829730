#include "tests/unit/gce_emulator/fixture.h"

#include <utility>

namespace flaskscale::emulator {

void EmulatorTest::SetUp() {
  auto discovery = discovery_for_tests();
  if (!discovery && must_have_discovery()) FAIL() << discovery.error().detail;
  if (!discovery) GTEST_SKIP() << discovery.error().detail;
  discovery_ = *discovery;
  Settings settings;
  settings.timings.wait_early_share = 0;
  open(std::move(settings));
}

void EmulatorTest::TearDown() {
  if (emulator_ == nullptr) return;
  const Ledger& ledger = emulator_->cloud().ledger;
  EXPECT_EQ(ledger.violations(), expected_violations_) << ledger.violations_json().dump(1);
  EXPECT_EQ(ledger.response_problems(), 0U) << ledger.violations_json().dump(1);
}

void EmulatorTest::open(Settings settings) {
  emulator_ = std::make_unique<Emulator>(std::move(settings), discovery_, host_);
  client_ = std::make_unique<InProcessClient>(*emulator_);
  token_.clear();
}

std::string EmulatorTest::token() {
  scaler::HttpRequest request;
  request.url =
      "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
  request.headers = {{"Metadata-Flavor", "Google"}};
  const auto response = client_->send(request);
  if (!response) return "";
  return text_of(Json::parse(response->body, nullptr, false), "access_token");
}

Called EmulatorTest::call(const std::string& verb, const std::string& path, const Json& body) {
  if (token_.empty()) token_ = token();
  scaler::HttpRequest request;
  request.method = verb;
  request.url = "https://compute.googleapis.com/compute/v1/projects/shop-project/" + path;
  request.headers = {{"Authorization", "Bearer " + token_}};
  if (!body.is_null()) request.body = body.dump();
  const auto response = client_->send(request);
  if (!response) return {0, {}, response.error().code};
  return {response->status, Json::parse(response->body, nullptr, false), ErrorCode::internal};
}

Called EmulatorTest::group_call(const std::string& method, const Json& body,
                                const std::string& query) {
  return call("POST", std::string(kGroup) + "/" + method + query, body);
}

Json EmulatorTest::members() {
  Json by_name = Json::object();
  const Json listed = group_call("listManagedInstances").body;
  for (const Json& row : listed.value("managedInstances", Json::array())) {
    by_name[text_of(row, "name")] = row;
  }
  return by_name;
}

std::vector<std::string> EmulatorTest::create(int count) {
  std::vector<std::string> names;
  Json instances = Json::array();
  for (int i = 0; i < count; ++i) {
    names.push_back("shop-" + std::string(1, static_cast<char>('a' + made_++)));
    instances.push_back({{"name", names.back()}});
  }
  EXPECT_EQ(group_call("createInstances", {{"instances", instances}}).status, 200);
  return names;
}

std::string EmulatorTest::fault(const Json& fault) {
  return text_of(emulator_->control("POST", "/_emu/faults", fault), "id");
}

Json EmulatorTest::act(const std::string& what, const Json& body) {
  return emulator_->control("POST", "/_emu/actions/" + what, body);
}

}  // namespace flaskscale::emulator
