#include "tests/unit/gce/scripted_cloud.h"

#include <gtest/gtest.h>

#include "tests/support/gce/api_url.h"
#include "tests/support/gce/discovery_file.h"

namespace flaskscale::scaler {
namespace {

constexpr const char* kTokenBody =
    R"({"access_token":"ya29.one","expires_in":3599,"token_type":"Bearer"})";

// In CI the document must be there; elsewhere requests go unchecked without it.
std::shared_ptr<const emulator::Discovery> load_discovery() {
  const auto loaded = emulator::discovery_for_tests();
  if (!loaded && emulator::must_have_discovery()) ADD_FAILURE() << loaded.error().detail;
  return loaded ? *loaded : nullptr;
}

emulator::ApiUrl api_url_of(const HttpRequest& request) {
  emulator::ApiUrl url = emulator::parse_api_url(request.url);
  if (url.segments.size() > 2) url.segments.erase(url.segments.begin(), url.segments.begin() + 2);
  return url;
}

}  // namespace

ScriptedCloud::ScriptedCloud() : discovery_(load_discovery()) {
  HttpResponse token = json_response(kTokenBody);
  token.headers.emplace_back("metadata-flavor", "Google");
  if (discovery_) schema_check_ = std::make_unique<emulator::SchemaCheck>(discovery_);
  always("metadata", token);
  always("token", json_response(kTokenBody));
  always("autoscalers.list", json_response("{}"));
}

std::string ScriptedCloud::method_of(const HttpRequest& request) {
  const emulator::ApiUrl url = emulator::parse_api_url(request.url);
  if (url.host.starts_with("metadata")) return "metadata";
  if (url.host.starts_with("oauth2")) return "token";
  const std::string& last = url.segments.back();
  const std::string& kind = url.segments.size() > 6 ? url.segments[6] : last;
  if (kind == "instanceGroupManagers") {
    return "instanceGroupManagers." + (url.segments.size() > 8   ? last
                                       : request.method == "GET" ? "get"
                                                                 : "patch");
  }
  if (kind == "operations") return "zoneOperations." + std::string(last == kind ? "list" : "get");
  if (kind == "instances" || kind == "autoscalers") return kind + ".list";
  return url.segments[4] == "zones" ? "zones.get" : "instanceTemplates.get";
}

void ScriptedCloud::check(const HttpRequest& request, const std::string& method) {
  if (!discovery_) return;
  const emulator::ApiUrl url = api_url_of(request);
  std::map<std::string, std::string> variables;
  const emulator::ApiMethod* found = discovery_->find(request.method, url.segments, variables);
  if (found == nullptr || found->id != "compute." + method) {
    violations_.push_back(request.method + " " + request.url + ": no such method");
    return;
  }
  for (std::string& problem : schema_check_->request(*found, variables, url, request.body)) {
    violations_.push_back(method + ": " + problem);
  }
}

ScriptedCloud::Answer ScriptedCloud::send(const HttpRequest& request) {
  if (before_each) before_each();
  const std::string method = method_of(request);
  calls_[method].push_back(request);
  const bool is_api = method != "metadata" && method != "token";
  if (is_api) {
    ++total_;
    check(request, method);
  }
  auto& script = scripts_[method];
  if (!script.empty()) {
    Answer answer = std::move(script.front());
    script.pop_front();
    return answer;
  }
  const auto standing = standing_.find(method);
  if (standing != standing_.end()) return standing->second;
  ADD_FAILURE() << "no answer to " << method << " " << request.url;
  return refusal(404, "notFound");
}

std::string parameter(const HttpRequest& request, const std::string& name) {
  return std::string(emulator::parse_api_url(request.url).parameter(name));
}

}  // namespace flaskscale::scaler
