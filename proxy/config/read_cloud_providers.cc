// [pools.NAME.scaling.docker] and [pools.NAME.scaling.gce].
#include <algorithm>
#include <chrono>

#include "base/endpoint.h"
#include "base/ip_address.h"
#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

using std::chrono::hours;

constexpr Range<uint32_t> kPort = {1, 65535};
constexpr std::array<Choice<PullPolicy>, 3> kPulls = {{{"missing", PullPolicy::missing},
                                                       {"always", PullPolicy::always},
                                                       {"never", PullPolicy::never}}};
constexpr std::array<Choice<StandbyMode>, 2> kStandbyModes = {
    {{"stop", StandbyMode::stop}, {"suspend", StandbyMode::suspend}}};

// A text that must be there and say something.
void read_required_text(TableReader& table, std::string_view key, std::string_view hint,
                        std::string& target) {
  if (table.node().find(key) == nullptr) {
    table.text(key);
    table.problems().add(table.node().source, table.path_of(key) + " is missing",
                         std::string(hint));
    return;
  }
  const Node* value = table.text(key);
  if (value == nullptr) return;
  if (value->text.empty()) {
    table.problems().add(value->source, table.path_of(key) + " must not be empty",
                         std::string(hint));
  }
  target = value->text;
}

void read_port(TableReader& table, uint32_t& port) {
  if (table.node().find("port") == nullptr) {
    table.problems().add(table.node().source, table.path_of("port") + " is missing",
                         "the port that the application listens on");
  }
  table.read_count("port", port, kPort);
}

bool is_docker_host(std::string_view text) {
  constexpr std::string_view kUnix = "unix://";
  if (text.starts_with(kUnix)) return text.substr(kUnix.size()).starts_with('/');
  for (const std::string_view scheme : {"tcp://", "http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const auto endpoint = parse_endpoint(text.substr(scheme.size()));
    return endpoint && endpoint->port != 0;
  }
  return false;
}

// As Google's resources are named: RFC 1035.
bool is_resource_name(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.size() <= 63 &&
         kLetters.find(text.front()) != std::string_view::npos && text.back() != '-' &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

void check_resource_name(TableReader& table, std::string_view key, Source source,
                         const std::string& name) {
  if (name.empty() || is_resource_name(name)) return;
  table.problems().add(source, table.path_of(key) + ": \"" + name + "\" can't be the name of one",
                       "1 to 63 of a-z, 0-9 and -, a letter first");
}

void read_docker_place(TableReader& docker, DockerProviderModel& model) {
  if (const Node* host = docker.text("host")) {
    model.host = host->text;
    if (!is_docker_host(host->text)) {
      docker.problems().add(host->source,
                            docker.path_of("host") + ": \"" + host->text + "\" is no Docker host",
                            "such as \"unix:///var/run/docker.sock\" or \"tcp://127.0.0.1:2375\"");
    }
  }
  docker.read_text("network", model.network);
  if (const Node* publish = docker.text("publish"); publish != nullptr && !publish->text.empty()) {
    model.publish = publish->text;
    if (!IpAddress::parse(publish->text)) {
      docker.problems().add(
          publish->source,
          docker.path_of("publish") + ": \"" + publish->text + "\" is no IP address",
          "an address of this machine, such as \"127.0.0.1\"");
    }
  }
}

}  // namespace

bool is_http_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view rest = text.substr(scheme.size());
    const bool plain = std::all_of(rest.begin(), rest.end(),
                                   [](char c) { return c > 0x20 && c != 0x7f && c != '"'; });
    return plain && !rest.empty() && rest.front() != '/' && rest.front() != ':';
  }
  return false;
}

void read_zones(TableReader& table, std::vector<std::string>& zones) {
  for (const Node* zone : table.texts("zones")) {
    const std::string path = table.path_of("zones");
    if (zone->text.empty()) {
      table.problems().add(zone->source, path + " holds an empty text");
    } else if (std::find(zones.begin(), zones.end(), zone->text) != zones.end()) {
      table.problems().add(zone->source, path + ": \"" + zone->text + "\" is there twice");
    } else {
      zones.push_back(zone->text);
    }
  }
}

void read_list_intervals(TableReader& table, Duration& at_rest, Duration& moving) {
  constexpr Range<Duration> kInterval = {std::chrono::milliseconds(200), std::chrono::minutes(10)};
  table.read_duration("list_interval", at_rest, kInterval);
  table.read_duration("list_interval_moving", moving, kInterval);
}

void read_docker_provider(TableReader& docker, const ReadContext& context, Use use,
                          DockerProviderModel& model) {
  read_docker_place(docker, model);
  read_required_text(docker, "image", "such as \"shop:1.2\"", model.image);
  read_port(docker, model.port);
  for (const Node* word : docker.texts("command")) model.command.push_back(word->text);
  read_variables(docker, model.environment);
  docker.read_size("memory", model.memory, Range<uint64_t>{6ULL << 20U, 1ULL << 50U});
  docker.read_ratio("cpus", model.cpus, {0.01, 4096});
  docker.read_duration("stop_grace", model.stop_grace, {Duration::zero(), hours(1)});
  docker.read_choice("pull", model.pull, kPulls);
  read_file_path(docker, "registry_auth", context, use, model.registry_auth);
  docker.reject_unknown_keys();
}

namespace {

void read_credentials(TableReader& gce, const ReadContext& context, Use use,
                      GceProviderModel& model) {
  read_file_path(gce, "credentials", context, use, model.credentials);
  read_file_path(gce, "access_token_file", context, use, model.access_token_file);
  if (!model.credentials.empty() && !model.access_token_file.empty()) {
    gce.problems().add(gce.node().find("access_token_file")->source,
                       gce.path_of("access_token_file") + " and credentials exclude each other");
  }
  read_file_path(gce, "ca_file", context, use, model.ca_file);
}

void read_endpoint(TableReader& gce, std::string& endpoint) {
  const Node* written = gce.text("endpoint");
  if (written == nullptr || written->text.empty()) return;
  endpoint = written->text;
  if (endpoint.back() != '/') endpoint += '/';
  if (is_http_url(endpoint)) return;
  gce.problems().add(written->source,
                     gce.path_of("endpoint") + ": \"" + written->text + "\" is no URL",
                     "such as \"https://compute.googleapis.com/compute/v1/\"");
}

}  // namespace

void read_gce_provider(TableReader& gce, const ReadContext& context, Use use,
                       GceProviderModel& model) {
  gce.read_text("project", model.project);
  gce.required_texts("zones", "such as [\"us-central1-a\"], the preferred one first");
  read_zones(gce, model.zones);
  read_required_text(gce, "group", "the name of the managed instance group in each zone",
                     model.group);
  if (const Entry* group = gce.node().find("group")) {
    check_resource_name(gce, "group", group->value.source, model.group);
  }
  if (const Entry* zones = gce.node().find("zones")) {
    for (const Node& zone : zones->value.items) {
      check_resource_name(gce, "zones", zone.source, zone.text);
    }
  }
  read_port(gce, model.port);
  read_credentials(gce, context, use, model);
  read_endpoint(gce, model.endpoint);
  gce.read_choice("standby_mode", model.standby_mode, kStandbyModes);
  gce.read_count("calls_per_minute", model.calls_per_minute, {10, 1500});
  read_list_intervals(gce, model.list_interval, model.list_interval_moving);
  gce.reject_unknown_keys();
}

}  // namespace flaskscale::config
