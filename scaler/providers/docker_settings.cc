#include "scaler/providers/docker_settings.h"

#include <cmath>
#include <cstdio>
#include <utility>

#include "base/ip_address.h"
#include "scaler/providers/docker_endpoint.h"
#include "scaler/providers/docker_image_name.h"

namespace flaskscale::scaler {
namespace {

constexpr uint64_t kLeastMemory = 6U << 20U;  // the engine refuses less
constexpr double kMostCpus = 4096;

// FNV-1a, 64 bits: stable across runs and builds, which std::hash is not. Each text is preceded by
// its length, so that no two lists of texts look alike.
class Fingerprint {
 public:
  void mix(std::string_view text) {
    for (const char c : std::to_string(text.size()) + ":") step(c);
    for (const char c : text) step(c);
  }
  std::string text() const {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash_));
    return digits;
  }

 private:
  void step(char c) { hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U; }
  uint64_t hash_ = 0xcbf29ce484222325U;
};

Result<void> refuse(std::string detail) {
  return make_error(ErrorCode::invalid_argument, std::move(detail));
}

Result<void> check_network(const DockerSettings& settings) {
  const std::string& network = settings.network;
  if (network == "host") {
    return refuse(
        "network = \"host\": all instances would bind the same port; leave it out, or set publish");
  }
  if (network == "none" || network.starts_with("container:")) {
    return refuse("network = \"" + network + "\": its instances could not be reached");
  }
  if (settings.publish.empty()) return {};
  if (!IpAddress::parse(settings.publish))
    return refuse("publish = \"" + settings.publish + "\" is no IP address");
  if (settings.publish == "0.0.0.0" || settings.publish == "::") {
    return refuse("publish = \"" + settings.publish +
                  "\" is no address that requests can be sent to; name one of the engine's host");
  }
  return {};
}

}  // namespace

Result<PullPolicy> parse_pull_policy(std::string_view word) {
  for (const PullPolicy policy : {PullPolicy::missing, PullPolicy::always, PullPolicy::never}) {
    if (word == to_string(policy)) return policy;
  }
  return make_error(
      ErrorCode::invalid_argument,
      "pull is \"missing\", \"always\" or \"never\", not \"" + std::string(word) + "\"");
}

std::string_view to_string(PullPolicy policy) {
  switch (policy) {
    case PullPolicy::missing:
      return "missing";
    case PullPolicy::always:
      return "always";
    case PullPolicy::never:
      return "never";
  }
  return "missing";
}

Result<void> check(const DockerSettings& settings) {
  if (const auto endpoint = DockerEndpoint::parse(settings.host); !endpoint) {
    return endpoint.error();
  }
  if (settings.image.empty()) return refuse("the docker provider needs an image");
  if (const auto name = DockerImageName::parse(settings.image); !name) return name.error();
  if (settings.port == 0) return refuse("the docker provider needs the port inside the container");
  if (settings.memory_bytes != 0 && settings.memory_bytes < kLeastMemory) {
    return refuse("memory is less than 6MiB, the least that an engine accepts");
  }
  if (!std::isfinite(settings.cpus) || settings.cpus < 0 || settings.cpus > kMostCpus ||
      (settings.cpus > 0 && settings.cpus < 0.01)) {
    return refuse("cpus is a number of processors from 0.01 up");
  }
  for (const auto& [key, value] : settings.environment) {
    if (key.empty() || key.find('=') != std::string::npos) {
      return refuse("\"" + key + "\" is no name of an environment variable");
    }
  }
  return check_network(settings);
}

std::string fingerprint(const DockerSettings& settings) {
  Fingerprint print;
  print.mix(settings.image);
  print.mix(std::to_string(settings.port));
  print.mix(std::to_string(settings.command.size()));
  for (const std::string& word : settings.command) print.mix(word);
  for (const auto& [key, value] : settings.environment) {
    print.mix(key);
    print.mix(value);
  }
  print.mix(settings.network);
  print.mix(settings.publish);
  print.mix(std::to_string(settings.memory_bytes));
  print.mix(std::to_string(std::llround(settings.cpus * 1e9)));
  return print.text();
}

}  // namespace flaskscale::scaler
