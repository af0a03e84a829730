#include "scaler/providers/docker_errors.h"
#include "scaler/providers/docker_provider.h"

namespace flaskscale::scaler {
namespace {

CheckFinding failed(std::string what, const Error& error, std::string hint) {
  return {std::move(what), false, error.detail, std::move(hint)};
}

std::string hint_for(const Error& error, const std::string& host) {
  if (error.code == ErrorCode::permission_denied) {
    return "the user that runs flaskscale must be in the group that may use " + host;
  }
  if (is_engine_unreachable(error)) {
    return "start the engine, or name its address in scaling.docker.host";
  }
  return "";
}

}  // namespace

std::vector<CheckFinding> DockerProvider::check_online() {
  const DockerSettings wanted = settings();
  const std::string what = "Docker engine at " + wanted.host;
  const Result<DockerApi*> opened = open(wanted);
  if (!opened) return {failed(what, opened.error(), "")};
  DockerApi& engine = **opened;
  const Result<DockerVersion> version = engine.version();
  if (!version) return {failed(what, version.error(), hint_for(version.error(), wanted.host))};
  const Result<std::string> api = choose_docker_api(*version);
  if (!api) return {failed(what, api.error(), "another version of the engine is needed")};
  std::vector<CheckFinding> findings = {
      {what, true, "version " + version->engine + ", API " + *api, ""}};

  const std::string image = "image " + wanted.image;
  const Result<std::optional<std::string>> image_id = engine.image_id(wanted.image);
  if (!image_id) {
    findings.push_back(failed(image, image_id.error(), ""));
  } else if (*image_id) {
    findings.push_back({image, true, "is on the engine", ""});
  } else if (wanted.pull == PullPolicy::never) {
    findings.push_back({image, false, "is not on the engine, and pull is \"never\"",
                        "build or load it there, or let it be pulled"});
  } else {
    findings.push_back({image, true, "is not on the engine; it will be pulled", ""});
  }

  if (wanted.network.empty()) return findings;
  const std::string network = "network " + wanted.network;
  const Result<bool> there = engine.has_network(wanted.network);
  if (!there) {
    findings.push_back(failed(network, there.error(), ""));
  } else if (!*there) {
    findings.push_back({network, false, "the engine has no such network",
                        "docker network create " + wanted.network});
  } else {
    findings.push_back({network, true, "is there", ""});
  }
  return findings;
}

}  // namespace flaskscale::scaler
