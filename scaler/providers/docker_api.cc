#include "scaler/providers/docker_api.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "scaler/providers/docker_errors.h"
#include "scaler/providers/docker_image_name.h"

namespace flaskscale::scaler {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(5);
constexpr auto kQuickTimeout = std::chrono::seconds(15);
constexpr auto kWorkTimeout = std::chrono::seconds(60);  // an engine on a slow disk
constexpr auto kPullTimeout = std::chrono::hours(1);
constexpr size_t kMostProgressBytes = 256U << 20U;
constexpr int kLogLines = 20;

Error unreachable(Error error) {
  error.retry = Retry::always;
  return error;
}

bool is_version_refusal(const HttpResponse& response) {
  return response.status == 400 && response.body.find("client version") != std::string::npos;
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4U];
      encoded += kDigits[byte & 15U];
    }
  }
  return encoded;
}

DockerApi::DockerApi(DockerEndpoint endpoint, HttpClient& client)
    : endpoint_(std::move(endpoint)), client_(client) {}

HttpRequest DockerApi::request(const std::string& method, const std::string& path) const {
  HttpRequest request;
  request.method = method;
  request.url = endpoint_.url + path;
  request.unix_socket = endpoint_.unix_socket;
  request.connect_timeout = kConnectTimeout;
  request.timeout = method == "GET" ? Duration(kQuickTimeout) : Duration(kWorkTimeout);
  return request;
}

Result<DockerVersion> DockerApi::version() {
  const Result<HttpResponse> response = client_.send(request("GET", "/version"));
  if (!response) return unreachable(response.error());
  if (response->status != 200) {
    return docker_error(response->status, response->body, "Docker engine's version");
  }
  return parse_docker_version(response->body);
}

Result<void> DockerApi::agree() {
  if (!agreed_.empty()) return {};
  const Result<DockerVersion> theirs = version();
  if (!theirs) return theirs.error();
  Result<std::string> chosen = choose_docker_api(*theirs);
  if (!chosen) return chosen.error();
  agreed_ = std::move(*chosen);
  return {};
}

// `request` has all but the version in its path.
Result<HttpResponse> DockerApi::call(HttpRequest request, const std::string& path) {
  if (const Result<void> agreed = agree(); !agreed) return agreed.error();
  request.url = endpoint_.url + "/v" + agreed_ + path;
  Result<HttpResponse> response = client_.send(request);
  if (!response || is_version_refusal(*response)) agreed_.clear();
  if (!response) return unreachable(response.error());
  return response;
}

Result<void> DockerApi::expect(const std::string& method, const std::string& path,
                               const std::string& what, std::initializer_list<int> fine) {
  const Result<HttpResponse> response = call(request(method, path), path);
  if (!response) return response.error();
  if (std::find(fine.begin(), fine.end(), response->status) != fine.end()) return {};
  return docker_error(response->status, response->body, what);
}

Result<std::optional<std::string>> DockerApi::image_id(const std::string& image) {
  // A name with slashes is a path of several elements here, as the engine wants it.
  std::string path = "/images/";
  for (const char c : image) path += c == '/' ? "/" : percent_encoded(std::string_view(&c, 1));
  path += "/json";
  const Result<HttpResponse> response = call(request("GET", path), path);
  if (!response) return response.error();
  if (response->status == 404) return std::optional<std::string>();
  if (response->status != 200) {
    return docker_error(response->status, response->body, "inspect image " + image);
  }
  Result<std::string> id = parse_docker_id(response->body);
  if (!id) return id.error();
  return std::optional<std::string>(std::move(*id));
}

Result<bool> DockerApi::has_network(const std::string& network) {
  const std::string path = "/networks/" + percent_encoded(network);
  const Result<HttpResponse> response = call(request("GET", path), path);
  if (!response) return response.error();
  if (response->status == 404) return false;
  if (response->status != 200) {
    return docker_error(response->status, response->body, "inspect network " + network);
  }
  return true;
}

Result<std::string> DockerApi::create(const std::string& name, const std::string& body) {
  const std::string path = "/containers/create?name=" + percent_encoded(name);
  HttpRequest wanted = request("POST", path);
  wanted.headers = {{"Content-Type", "application/json"}};
  wanted.body = body;
  const Result<HttpResponse> response = call(std::move(wanted), path);
  if (!response) return response.error();
  if (response->status != 201) {
    return docker_error(response->status, response->body, "create container " + name);
  }
  return parse_docker_id(response->body);
}

Result<void> DockerApi::start(const std::string& id) {
  return expect("POST", "/containers/" + percent_encoded(id) + "/start", "start container",
                {204, 304});
}

Result<void> DockerApi::unpause(const std::string& id) {
  return expect("POST", "/containers/" + percent_encoded(id) + "/unpause", "unpause container",
                {204});
}

Result<void> DockerApi::signal(const std::string& id, const std::string& signal) {
  return expect("POST",
                "/containers/" + percent_encoded(id) + "/kill?signal=" + percent_encoded(signal),
                "send " + signal + " to the container", {204, 404, 409});
}

Result<void> DockerApi::remove(const std::string& id) {
  // 409 with "removal … is already in progress" is what we want; with any other reason the next
  // list still shows the container.
  return expect("DELETE", "/containers/" + percent_encoded(id) + "?v=1", "remove container",
                {204, 404, 409});
}

Result<DockerInspection> DockerApi::inspect(const std::string& name_or_id) {
  const std::string path = "/containers/" + percent_encoded(name_or_id) + "/json";
  const Result<HttpResponse> response = call(request("GET", path), path);
  if (!response) return response.error();
  if (response->status != 200) {
    return docker_error(response->status, response->body, "inspect container " + name_or_id);
  }
  return parse_docker_inspection(response->body);
}

Result<std::vector<DockerContainer>> DockerApi::list(const std::string& filter,
                                                     const std::string& network) {
  const std::string path = "/containers/json?all=1&filters=" + percent_encoded(filter);
  const Result<HttpResponse> response = call(request("GET", path), path);
  if (!response) return response.error();
  if (response->status != 200) {
    return docker_error(response->status, response->body, "list containers");
  }
  return parse_docker_list(response->body, network);
}

Result<std::string> DockerApi::log_tail(const std::string& id, size_t most) {
  const std::string path = "/containers/" + percent_encoded(id) +
                           "/logs?stdout=1&stderr=1&tail=" + std::to_string(kLogLines);
  const Result<HttpResponse> response = call(request("GET", path), path);
  if (!response) return response.error();
  if (response->status != 200) {
    return docker_error(response->status, response->body, "log of container");
  }
  return docker_log_text(response->body, most);
}

Result<void> DockerApi::pull(const std::string& image, const std::string& credentials,
                             const std::function<bool(std::string_view piece)>& on_progress) {
  const Result<DockerImageName> name = DockerImageName::parse(image);
  if (!name) return name.error();
  const std::string path = "/images/create?fromImage=" + percent_encoded(name->repository) +
                           "&tag=" + percent_encoded(name->version);
  HttpRequest wanted = request("POST", path);
  wanted.timeout = kPullTimeout;
  wanted.most_bytes = kMostProgressBytes;
  wanted.on_body = on_progress;
  if (!credentials.empty()) wanted.headers.emplace_back("X-Registry-Auth", credentials);
  const Result<HttpResponse> response = call(std::move(wanted), path);
  if (!response) return response.error();
  if (response->status != 200) {
    return docker_pull_error(response->status, docker_message(response->body), image);
  }
  return {};
}

}  // namespace flaskscale::scaler
