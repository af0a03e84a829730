#include "tests/support/gce/metadata_api.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

namespace flaskscale::emulator {
namespace {

constexpr const char* kAccount = "instance/service-accounts/default/";

std::string etag_of(const std::string& value) {
  char text[32];
  std::snprintf(text, sizeof text, "%016zx", std::hash<std::string>{}(value));
  return text;
}

// The path below /computeMetadata/v1/, or nothing.
std::optional<std::string> below_root(const ApiUrl& url) {
  if (url.segments.size() < 2 || url.segments[0] != "computeMetadata" || url.segments[1] != "v1") {
    return std::nullopt;
  }
  std::string path;
  for (size_t i = 2; i < url.segments.size(); ++i) {
    if (!path.empty()) path += "/";
    path += url.segments[i];
  }
  return path;
}

}  // namespace

std::string MetadataApi::method_of(const ApiUrl& url) {
  const auto path = below_root(url);
  return path && *path == std::string(kAccount) + "token" ? "metadata.token" : "metadata.other";
}

const Machine* MetadataApi::machine_of(const WebRequest& request) const {
  for (const auto& [key, machine] : cloud_.park.machines()) {
    if (machine.address == request.peer) return &machine;
  }
  return nullptr;
}

std::optional<std::string> MetadataApi::value_of(const std::string& path,
                                                 const WebRequest& request) const {
  const Settings& settings = cloud_.settings;
  const Machine* machine = machine_of(request);
  const std::string zone = machine != nullptr ? machine->zone : settings.zones.front();
  const std::string number = std::to_string(settings.project_number);
  if (path == "project/project-id") return settings.project;
  if (path == "project/numeric-project-id") return number;
  if (path == "instance/zone") return "projects/" + number + "/zones/" + zone;
  if (path == "instance/name") return machine != nullptr ? machine->name : "front-door";
  if (path == "instance/id") {
    return machine != nullptr ? std::to_string(machine->id) : "4242424242424242424";
  }
  if (path == "instance/preempted") {
    return machine != nullptr && machine->preempted ? "TRUE" : "FALSE";
  }
  if (path == "instance/maintenance-event") return "NONE";
  if (path == "instance/shutdown-details/stop-state") {
    const bool stopping = machine != nullptr && machine->status == MachineStatus::stopping;
    return stopping ? "PENDING_STOP" : "UNSPECIFIED";
  }
  if (path == std::string(kAccount) + "email") {
    return "flaskscale@" + settings.project + ".iam.gserviceaccount.com";
  }
  if (path == std::string(kAccount) + "scopes") {
    std::string lines;
    for (const std::string& scope : settings.scopes) lines += scope + "\n";
    return lines;
  }
  return std::nullopt;
}

WebReply MetadataApi::token(const FaultHits& hits) {
  double seconds = cloud_.settings.token_seconds;
  if (const Json* fault = hits.find("token")) seconds = number_of(*fault, "expires_in", seconds);
  const Access::Token issued = cloud_.access.issue(seconds);
  return WebReply::json(200, {{"access_token", issued.text},
                              {"expires_in", static_cast<int64_t>(issued.seconds)},
                              {"token_type", "Bearer"}});
}

MetadataApi::Answer MetadataApi::answer(const WebRequest& request, const ApiUrl& url,
                                        const FaultHits& hits) {
  Answer answer;
  const auto path = below_root(url);
  const bool root = url.segments.empty();
  if (!root && request.header("metadata-flavor") != "Google") {
    answer.reply = WebReply::text(403, "Missing Metadata-Flavor:Google header.");
  } else if (root || (path && path->empty())) {
    answer.reply = WebReply::text(200, "computeMetadata/\n");
  } else if (method_of(url) == "metadata.token") {
    answer.reply = token(hits);
  } else if (const auto value = path ? value_of(*path, request) : std::nullopt) {
    answer.reply = WebReply::text(200, *value);
    answer.etag = etag_of(*value);
    answer.reply.headers.emplace_back("ETag", answer.etag);
    if (url.parameter("wait_for_change") == "true") {
      const std::string_view last = url.parameter("last_etag");
      const std::string limit(url.parameter("timeout_sec"));
      const double most = limit.empty() ? 3600 : std::strtod(limit.c_str(), nullptr);
      if (last.empty() || last == answer.etag) answer.wait = std::max(0.0, most);
    }
  } else {
    answer.reply = WebReply::text(404, "Not Found");
  }
  const bool wrong = hits.find("wrong_flavor") != nullptr;
  answer.reply.headers.emplace_back("Metadata-Flavor", wrong ? "Proxy" : "Google");
  answer.reply.headers.emplace_back("Server", "Metadata Server for VM");
  return answer;
}

}  // namespace flaskscale::emulator
