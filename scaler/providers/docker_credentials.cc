#include "scaler/providers/docker_credentials.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "scaler/providers/command_run.h"
#include "scaler/providers/docker_messages.h"
#include "scaler/providers/json_reading.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kHub = "docker.io";
constexpr std::string_view kHubServer = "https://index.docker.io/v1/";
constexpr auto kHelperTimeout = std::chrono::seconds(20);
constexpr size_t kMostConfigBytes = 1U << 20U;

std::string default_path() {
  const char* folder = std::getenv("DOCKER_CONFIG");
  if (folder != nullptr && *folder != '\0') return std::string(folder) + "/config.json";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return std::string(home) + "/.docker/config.json";
  return "";
}

// "https://registry.example.com/v1/" and "registry.example.com" are the same.
std::string registry_host_of(std::string_view server) {
  const size_t scheme = server.find("://");
  if (scheme != std::string_view::npos) server.remove_prefix(scheme + 3);
  std::string host(server.substr(0, server.find('/')));
  return host == "index.docker.io" ? std::string(kHub) : host;
}

std::string server_of(const std::string& registry) {
  return registry == kHub ? std::string(kHubServer) : registry;
}

std::string header_of(Json login, const std::string& registry) {
  login["serveraddress"] = server_of(registry);
  return base64_url_padded(login.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Error broken(const std::string& path, const std::string& why) {
  return make_error(ErrorCode::misconfigured, "registry credentials in " + path + ": " + why);
}

// An entry of "auths" as the login that the engine wants; nothing when it is empty, which is how
// the docker command notes that a helper has the secret.
Result<std::optional<Json>> login_of(const Json& entry) {
  if (std::string token = text_of(entry, "identitytoken"); !token.empty()) {
    return std::optional(Json::object({{"identitytoken", token}}));
  }
  if (std::string token = text_of(entry, "registrytoken"); !token.empty()) {
    return std::optional(Json::object({{"registrytoken", token}}));
  }
  std::string user = text_of(entry, "username");
  std::string password = text_of(entry, "password");
  if (const std::string both = text_of(entry, "auth"); !both.empty()) {
    const Result<std::string> decoded = base64_decoded(both);
    const size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) {
      return make_error(ErrorCode::bad_message, "an \"auth\" is no base64 of user:password");
    }
    user = decoded->substr(0, colon);
    password = decoded->substr(colon + 1);
    while (password.ends_with('\0')) password.pop_back();
  }
  if (user.empty()) return std::optional<Json>();
  return std::optional(Json::object({{"username", user}, {"password", password}}));
}

bool says_not_found(const std::string& text) {
  return text.find("credentials not found") != std::string::npos;
}

}  // namespace

CredentialHelper credential_helper(const std::atomic<bool>* cancelled) {
  return [cancelled](const std::string& program, const std::string& input) -> Result<std::string> {
    CommandRun run;
    run.words = {program, "get"};
    run.input = input;
    run.timeout = kHelperTimeout;
    run.grace = std::chrono::seconds(1);
    run.most_output = kMostConfigBytes;
    run.cancelled = cancelled;
    Result<CommandEnd> end = run_command(run);
    if (!end) return end.error();
    if (end->status == 0) return std::move(end->output);
    // A helper that fails explains itself on its standard output.
    return make_error(ErrorCode::misconfigured,
                      program + " " + end->text() + ": " + in_one_line(end->output).substr(0, 200));
  };
}

DockerCredentials::DockerCredentials(const std::string& path, CredentialHelper helper)
    : path_(path.empty() ? default_path() : path),
      must_exist_(!path.empty()),
      helper_(std::move(helper)) {}

Result<std::string> DockerCredentials::header_for(const std::string& registry) const {
  if (path_.empty()) return std::string();
  std::ifstream file(path_, std::ios::binary);
  if (!file) {
    if (must_exist_) return broken(path_, "it can't be opened");
    return std::string();
  }
  std::string text(kMostConfigBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  const Json config = Json::parse(text, nullptr, false);
  if (!config.is_object()) return broken(path_, "it is no JSON object");

  std::string helper = text_of(member(member(config, "credHelpers"), registry));
  if (helper.empty()) helper = text_of(member(member(config, "credHelpers"), server_of(registry)));
  if (helper.empty()) {
    const Json& auths = member(config, "auths");
    for (auto entry = auths.begin(); auths.is_object() && entry != auths.end(); ++entry) {
      if (registry_host_of(entry.key()) != registry) continue;
      const Result<std::optional<Json>> login = login_of(*entry);
      if (!login) return broken(path_, login.error().detail);
      if (*login) return header_of(**login, registry);
    }
    helper = text_of(config, "credsStore");
  }
  if (helper.empty()) return std::string();
  return ask_helper("docker-credential-" + helper, registry);
}

Result<std::string> DockerCredentials::ask_helper(const std::string& program,
                                                  const std::string& registry) const {
  const Result<std::string> output = helper_(program, server_of(registry));
  if (!output) {
    if (says_not_found(output.error().detail)) return std::string();
    return make_error(ErrorCode::misconfigured, output.error().detail);
  }
  const Json answer = Json::parse(*output, nullptr, false);
  const std::string user = text_of(answer, "Username");
  const std::string secret = text_of(answer, "Secret");
  if (user.empty() || secret.empty()) {
    return make_error(ErrorCode::misconfigured, program + ": its answer makes no sense");
  }
  if (user == "<token>") return header_of(Json::object({{"identitytoken", secret}}), registry);
  return header_of(Json::object({{"username", user}, {"password", secret}}), registry);
}

std::string base64_url_padded(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (size_t from = 0; from < bytes.size(); from += 3) {
    const std::string_view group = bytes.substr(from, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) {
      text += i <= group.size() ? kLetters[bits >> (18U - 6U * i) & 63U] : '=';
    }
  }
  return text;
}

Result<std::string> base64_decoded(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<uint32_t>(c - '0') + 52;
    } else if (c == '+' || c == '-') {
      value = 62;
    } else if (c == '/' || c == '_') {
      value = 63;
    } else {
      return make_error(ErrorCode::bad_message, "a letter that base64 does not have");
    }
    bits = bits << 6U | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xffU);
    }
  }
  return bytes;
}

}  // namespace flaskscale::scaler
