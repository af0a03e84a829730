// Canned answers of the API, and a provider over them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/gce/scripted_cloud.h"

namespace flaskscale::scaler {

using Json = nlohmann::json;

constexpr const char* kOld =
    "https://www.googleapis.com/compute/v1/projects/shop/global/instanceTemplates/v1";
constexpr const char* kNew =
    "https://compute.googleapis.com/compute/v1/projects/shop/global/instanceTemplates/v2";

inline Json managed(const std::string& name, const std::string& action, const std::string& status,
                    const std::string& id = "") {
  Json row = {{"name", name},
              {"instance",
               "https://www.googleapis.com/compute/beta/projects/shop/zones/z1/instances/" + name},
              {"currentAction", action},
              {"serviceAccount", {{"surprising", true}}},
              {"version", {{"instanceTemplate", kOld}}}};
  if (!status.empty()) row["instanceStatus"] = status;
  if (!id.empty()) row["id"] = id;
  return row;
}

inline Json failed(const std::string& name, const std::string& code) {
  Json row = managed(name, "CREATING", "");
  row["lastAttempt"]["errors"]["errors"] = Json::array({{{"code", code}, {"message", "sorry"}}});
  return row;
}

inline Json machine(const std::string& name, const std::string& id, const std::string& address) {
  return {{"name", name},
          {"id", id},
          {"status", "RUNNING"},
          {"networkInterfaces", Json::array({{{"networkIP", address}}})}};
}

inline HttpResponse rows_of(std::vector<Json> rows, const std::string& next_page = "") {
  Json json = {{"managedInstances", std::move(rows)}};
  if (!next_page.empty()) json["nextPageToken"] = next_page;
  return json_response(json.dump());
}

inline HttpResponse machines_of(std::vector<Json> machines) {
  return json_response(Json({{"items", std::move(machines)}}).dump());
}

inline HttpResponse operation(const std::string& name, const std::string& status = "RUNNING") {
  return json_response(
      Json({{"name", name}, {"status", status}, {"kind", "compute#operation"}}).dump());
}

inline HttpResponse operation_failed(const std::string& name, const std::string& code, int status) {
  return json_response(
      Json({{"name", name},
            {"status", "DONE"},
            {"httpErrorStatusCode", status},
            {"error", {{"errors", Json::array({{{"code", code}, {"message", "why"}}})}}}})
          .dump());
}

inline Json group_json() {
  return {{"name", "web"},
          {"baseInstanceName", "web"},
          {"targetSize", 1},
          {"versions", Json::array({{{"instanceTemplate", kOld}}})},
          {"updatePolicy", {{"type", "OPPORTUNISTIC"}}},
          {"namedPorts", Json::array({{{"name", "http"}, {"port", 8000}}})},
          {"status", {{"isStable", true}}}};
}

class GceProviderTest : public testing::Test {
 protected:
  GceProviderTest() {
    settings_.pool = "shop";
    settings_.project = "shop";
    settings_.zones = {"z1"};
    settings_.group = "web";
    settings_.port = 8000;
    cloud_.always("instanceGroupManagers.get", json_response(group_json().dump()));
    cloud_.always("instanceGroupManagers.listManagedInstances", rows_of({}));
    cloud_.always("instances.list", machines_of({}));
    for (const char* verb : {"create", "delete", "stop", "start", "suspend", "resume"}) {
      cloud_.always("instanceGroupManagers." + std::string(verb) + "Instances", operation("op"));
    }
    cloud_.always("zoneOperations.get", operation("op"));
  }
  void TearDown() override { EXPECT_THAT(cloud_.violations(), testing::ElementsAre()); }

  GceProvider& provider() {
    if (!provider_) {
      provider_ = std::make_unique<GceProvider>(
          settings_, std::make_unique<CloudClient>(cloud_),
          std::make_shared<GceTokenSource>(settings_.credentials, Random(2)), Random(3),
          clock_.clock());
    }
    return *provider_;
  }
  void rows(std::vector<Json> rows) {
    cloud_.always("instanceGroupManagers.listManagedInstances", rows_of(std::move(rows)));
  }
  // Of the list, which must succeed.
  std::map<std::string, InstanceReport> list() {
    auto listed = provider().list();
    EXPECT_TRUE(listed.has_value()) << listed.error().detail;
    std::map<std::string, InstanceReport> reports;
    if (!listed) return reports;
    for (InstanceReport& report : *listed) reports.emplace(report.name, report);
    EXPECT_EQ(reports.size(), listed->size()) << "a name twice";
    return reports;
  }
  static InstanceCall call(std::vector<std::string> names, const std::string& zone = "z1") {
    return {std::move(names), zone, "11111111-2222-4333-8444-555555555555"};
  }
  size_t count(const std::string& method) {
    return cloud_.count("instanceGroupManagers." + method);
  }
  Json body(const std::string& method, size_t which = 0) {
    return Json::parse(cloud_.calls("instanceGroupManagers." + method).at(which).body);
  }
  std::string request_id(const std::string& method, size_t which) {
    return parameter(cloud_.calls("instanceGroupManagers." + method).at(which), "requestId");
  }

  TestClock clock_;
  ScriptedCloud cloud_;
  GceSettings settings_;
  std::unique_ptr<GceProvider> provider_;
};

}  // namespace flaskscale::scaler
