#include "scaler/providers/docker_messages.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/endpoint.h"
#include "scaler/providers/json_reading.h"
#include "scaler/providers/placeholders.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;

Json parse(std::string_view body) { return Json::parse(body, nullptr, false); }

int64_t number_of(const Json& value) {
  return value.is_number_integer() ? value.get<int64_t>() : 0;
}

Error no_sense(const char* what) {
  return make_error(ErrorCode::bad_message,
                    std::string("the Docker engine's answer to ") + what + " makes no sense");
}

std::map<std::string, std::string, std::less<>> labels_of(const Json& object) {
  std::map<std::string, std::string, std::less<>> labels;
  if (!object.is_object()) return labels;
  for (const auto& [key, value] : object.items()) {
    if (key.starts_with("flaskscale.") && value.is_string()) labels[key] = value.get<std::string>();
  }
  return labels;
}

// An unknown word is a state in which nothing runs as far as we know, and nothing has ended.
DockerState state_of(const std::string& word) {
  constexpr std::pair<std::string_view, DockerState> kWords[] = {
      {"created", DockerState::created},   {"running", DockerState::running},
      {"paused", DockerState::paused},     {"restarting", DockerState::restarting},
      {"removing", DockerState::removing}, {"exited", DockerState::exited},
      {"stopped", DockerState::exited},    {"dead", DockerState::dead},
  };
  for (const auto& [name, state] : kWords) {
    if (word == name) return state;
  }
  return DockerState::restarting;
}

// The first number of "1.41", then the second.
std::optional<std::pair<int, int>> version_numbers(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  std::pair<int, int> numbers;
  const auto read = [](std::string_view digits, int& into) {
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), into);
    return result.ec == std::errc{} && result.ptr == digits.data() + digits.size();
  };
  if (!read(text.substr(0, dot), numbers.first) || !read(text.substr(dot + 1), numbers.second)) {
    return std::nullopt;
  }
  return numbers;
}

std::string port_key(uint16_t port) { return std::to_string(port) + "/tcp"; }

uint16_t port_of(const Json& value) {
  const int64_t number = number_of(value);
  return number > 0 && number <= 65535 ? static_cast<uint16_t>(number) : uint16_t{0};
}

// Where its port is published on the engine's host.
std::string published_address(const Json& ports, uint16_t port) {
  if (!ports.is_array()) return "";
  for (const Json& entry : ports) {
    const uint16_t published = port_of(member(entry, "PublicPort"));
    const std::string host = text_of(entry, "IP");
    if (published == 0 || host.empty() || port_of(member(entry, "PrivatePort")) != port) continue;
    return to_string(Endpoint{host, published});
  }
  return "";
}

std::string address_on(const Json& network) {
  std::string address = text_of(network, "IPAddress");
  return address.empty() ? text_of(network, "GlobalIPv6Address") : address;
}

std::string network_address(const Json& networks, const std::string& preferred) {
  std::string address = address_on(member(networks, preferred));
  if (!address.empty() || !networks.is_object()) return address;
  for (const auto& network : networks) {
    address = address_on(network);
    if (!address.empty()) break;
  }
  return address;
}

std::string address_of(const Json& entry, uint16_t port, const std::string& network) {
  if (port == 0) return "";
  const std::string published = published_address(member(entry, "Ports"), port);
  if (!published.empty()) return published;
  const std::string host =
      network_address(member(member(entry, "NetworkSettings"), "Networks"), network);
  return host.empty() ? "" : to_string(Endpoint{host, port});
}

std::optional<DockerContainer> container_of(const Json& entry, const std::string& network) {
  DockerContainer container;
  container.id = text_of(entry, "Id");
  const Json& names = member(entry, "Names");
  if (names.is_array()) {
    for (const Json& name : names) {  // with a second "/" it is a link's name
      const std::string text = text_of(name);
      if (text.rfind('/') == 0) container.name = text.substr(1);
    }
  }
  if (container.id.empty() || container.name.empty()) return std::nullopt;
  container.state = state_of(text_of(entry, "State"));
  container.labels = labels_of(member(entry, "Labels"));
  uint16_t port = 0;
  if (const auto label = container.labels.find(kDockerPortLabel); label != container.labels.end()) {
    std::from_chars(label->second.data(), label->second.data() + label->second.size(), port);
  }
  container.address = address_of(entry, port, network);
  return container;
}

}  // namespace

std::string in_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      if (!line.empty() && !line.ends_with(" | ")) line += " | ";
    } else if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) {
      line += c;
    }
  }
  if (line.ends_with(" | ")) line.resize(line.size() - 3);
  return line;
}

Result<std::string> choose_docker_api(const DockerVersion& version) {
  const auto highest = version_numbers(version.highest);
  const auto lowest = version_numbers(version.lowest);
  const auto our_highest = version_numbers(kDockerHighestApi);
  const auto our_lowest = version_numbers(kDockerLowestApi);
  if (!highest) return no_sense("version");
  if (*highest < *our_lowest || (lowest && *lowest > *our_highest)) {
    return make_error(ErrorCode::unsupported,
                      "Docker engine " + version.engine + " speaks versions " + version.lowest +
                          " to " + version.highest + " of its API, this program " +
                          std::string(kDockerLowestApi) + " to " + std::string(kDockerHighestApi));
  }
  return *highest < *our_highest ? version.highest : std::string(kDockerHighestApi);
}

std::map<std::string, std::string> docker_labels(const DockerSettings& settings,
                                                 const std::string& front_door,
                                                 const std::string& version) {
  return {{std::string(kDockerPoolLabel), settings.pool},
          {std::string(kDockerFrontDoorLabel), front_door},
          {std::string(kDockerVersionLabel), version},
          {std::string(kDockerPortLabel), std::to_string(settings.port)}};
}

std::string docker_create_body(const DockerSettings& settings, const std::string& name,
                               const std::map<std::string, std::string>& labels) {
  const std::map<std::string, std::string> values = {{"name", name},
                                                     {"port", std::to_string(settings.port)}};
  std::map<std::string, std::string> environment;
  for (const auto& [key, value] : settings.environment) environment[key] = fill_in(value, values);
  environment["PORT"] = std::to_string(settings.port);
  environment["FLASKSCALE_INSTANCE"] = name;
  Json body = {{"Image", settings.image}, {"Labels", labels}, {"Env", Json::array()}};
  for (const auto& [key, value] : environment) body["Env"].push_back(key + "=" + value);
  if (!settings.command.empty()) {
    for (const std::string& word : settings.command) body["Cmd"].push_back(fill_in(word, values));
  }
  body["ExposedPorts"][port_key(settings.port)] = Json::object();
  Json& host = body["HostConfig"];
  host["Init"] = true;
  host["RestartPolicy"] = {{"Name", "no"}};
  if (!settings.network.empty()) host["NetworkMode"] = settings.network;
  if (settings.memory_bytes != 0) host["Memory"] = settings.memory_bytes;
  if (settings.cpus > 0) host["NanoCpus"] = std::llround(settings.cpus * 1e9);
  if (!settings.publish.empty()) {
    host["PortBindings"][port_key(settings.port)] =
        Json::array({{{"HostIp", settings.publish}, {"HostPort", ""}}});
  }
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string docker_list_filter(const std::string& pool, const std::string& front_door) {
  const Json filter = {{"label",
                        {std::string(kDockerPoolLabel) + "=" + pool,
                         std::string(kDockerFrontDoorLabel) + "=" + front_door}}};
  return filter.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<DockerVersion> parse_docker_version(std::string_view body) {
  const Json answer = parse(body);
  DockerVersion version{text_of(answer, "Version"), text_of(answer, "ApiVersion"),
                        text_of(answer, "MinAPIVersion")};
  if (version.highest.empty()) return no_sense("version");
  return version;
}

Result<std::string> parse_docker_id(std::string_view body) {
  std::string id = text_of(member(parse(body), "Id"));
  if (id.empty()) return no_sense("a request for an id");
  return id;
}

Result<std::vector<DockerContainer>> parse_docker_list(std::string_view body,
                                                       const std::string& network) {
  const Json answer = parse(body);
  if (!answer.is_array()) return no_sense("list");
  std::vector<DockerContainer> containers;
  for (const Json& entry : answer) {
    std::optional<DockerContainer> container = container_of(entry, network);
    // Half a list could make somebody believe that an instance is gone.
    if (!container) return no_sense("list");
    containers.push_back(std::move(*container));
  }
  return containers;
}

Result<DockerInspection> parse_docker_inspection(std::string_view body) {
  const Json answer = parse(body);
  DockerInspection inspection;
  inspection.id = text_of(answer, "Id");
  if (inspection.id.empty()) return no_sense("inspect");
  const Json& state = member(answer, "State");
  const Json& config = member(answer, "Config");
  inspection.state = state_of(text_of(state, "Status"));
  inspection.exit_code = static_cast<int>(number_of(member(state, "ExitCode")));
  inspection.out_of_memory = member(state, "OOMKilled") == true;
  inspection.error = in_one_line(text_of(state, "Error"));
  inspection.stop_signal = text_of(config, "StopSignal");
  if (inspection.stop_signal.empty()) inspection.stop_signal = "SIGTERM";
  inspection.labels = labels_of(member(config, "Labels"));
  return inspection;
}

std::string docker_log_text(std::string_view body, size_t most) {
  // A frame: stream number, three zeros, length in big-endian order, bytes.
  constexpr size_t kHead = 8;
  std::string text;
  std::string_view rest = body;
  while (rest.size() >= kHead && rest[0] >= 0 && rest[0] <= 2 &&
         rest.substr(1, 3) == std::string_view("\0\0\0", 3)) {
    size_t length = 0;
    for (size_t i = 4; i < kHead; ++i) length = length << 8U | static_cast<unsigned char>(rest[i]);
    rest.remove_prefix(kHead);
    text += rest.substr(0, length);
    rest.remove_prefix(std::min(length, rest.size()));
  }
  text += rest;
  std::string line = in_one_line(text);
  if (line.size() > most) line = "…" + line.substr(line.size() - most);
  return line;
}

}  // namespace flaskscale::scaler
