// A Docker engine in memory, as an HttpClient: just what the provider asks of one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

// Any thread: the puller has its own.
class FakeDockerEngine {
 public:
  using Json = nlohmann::json;
  struct Container {
    std::string id;
    Json body;  // of the create request
    std::string state = "created";
    std::string image_id;
    int exit_code = 0;
    bool out_of_memory = false;
    std::string log;
    int number = 0;
    std::vector<std::string> signals;
    bool deaf = false;  // goes on after its stop signal
  };
  struct Answer {
    int status = 200;
    std::string body;
  };

  // The next request whose "METHOD path" holds `part` gets this answer instead of being served.
  void refuse(const std::string& part, int status, const std::string& message) {
    const std::lock_guard lock(mutex);
    refusals.emplace_back(part, Answer{status, Json{{"message", message}}.dump()});
  }
  void answer_with(const std::string& part, const std::string& body) {
    const std::lock_guard lock(mutex);
    refusals.emplace_back(part, Answer{200, body});
  }
  // Nothing listens.
  std::atomic<bool> down = false;
  // A pull blocks after its lines until let_go().
  void hold_pulls() {
    const std::lock_guard lock(mutex);
    holding = true;
  }
  void let_go() {
    const std::lock_guard lock(mutex);
    holding = false;
    changed.notify_all();
  }

  Result<HttpResponse> send(const HttpRequest& request, const std::atomic<bool>& cancelled) {
    if (down) return make_error(ErrorCode::connect_failed, "connect: Connection refused");
    std::unique_lock lock(mutex);
    const std::string url = request.url.substr(request.url.find('/', 8));
    requests.push_back(request.method + " " + url);
    for (auto at = refusals.begin(); at != refusals.end(); ++at) {
      if (requests.back().find(at->first) == std::string::npos) continue;
      const Answer answer = at->second;
      refusals.erase(at);
      return respond(answer);
    }
    if (url == "/version") return respond({200, version.dump()});
    const std::string path = url.substr(url.find('/', 1));
    if (path.starts_with("/images/create")) return pull(request, lock, cancelled);
    return respond(serve(request, path));
  }
  void wake() {
    const std::lock_guard lock(mutex);
    changed.notify_all();
  }

  Container& container(const std::string& name) {
    const std::lock_guard lock(mutex);
    return containers.at(name);
  }
  bool has(const std::string& name) {
    const std::lock_guard lock(mutex);
    return containers.contains(name);
  }
  void end(const std::string& name, int exit_code) {
    const std::lock_guard lock(mutex);
    containers.at(name).state = "exited";
    containers.at(name).exit_code = exit_code;
  }
  size_t count(const std::string& part) {
    const std::lock_guard lock(mutex);
    size_t found = 0;
    for (const std::string& request : requests) found += request.find(part) != std::string::npos;
    return found;
  }

  std::mutex mutex;
  // All guarded by mutex.
  Json version = {{"Version", "20.10.24"}, {"ApiVersion", "1.41"}, {"MinAPIVersion", "1.12"}};
  std::map<std::string, std::string> images = {{"shop:1", "sha256:aaaaaaaaaaaaaaaaaaaa"}};
  std::map<std::string, std::string> registry;  // what a pull brings
  std::vector<std::string> pull_lines;
  std::string registry_auth;  // header of the last pull
  std::map<std::string, Container> containers;
  std::vector<std::string> requests;

 private:
  static Result<HttpResponse> respond(const Answer& answer) {
    HttpResponse response;
    response.status = answer.status;
    response.body = answer.body;
    return response;
  }
  static Answer problem(int status, const std::string& message) {
    return {status, Json{{"message", message}}.dump()};
  }

  Result<HttpResponse> pull(const HttpRequest& request, std::unique_lock<std::mutex>& lock,
                            const std::atomic<bool>& cancelled) {
    for (const auto& [name, value] : request.headers) {
      if (name == "X-Registry-Auth") registry_auth = value;
    }
    for (const std::string& line : pull_lines) request.on_body(line + "\r\n");
    changed.wait(lock, [&] { return !holding || cancelled; });
    if (cancelled) return make_error(ErrorCode::cancelled, "given up by its caller");
    for (const auto& [name, id] : registry) images[name] = id;
    return respond({200, ""});
  }

  Answer serve(const HttpRequest& request, const std::string& path) {
    if (path.starts_with("/images/")) {
      std::string name = path.substr(8, path.size() - 8 - 5);
      if (const size_t colon = name.find("%3A"); colon != std::string::npos)
        name.replace(colon, 3, ":");
      if (!images.contains(name)) return problem(404, "no such image: " + name);
      return {200, Json{{"Id", images[name]}}.dump()};
    }
    if (path.starts_with("/networks/")) return problem(404, "network not found");
    if (path.starts_with("/containers/create")) return create(request, path.substr(24));
    if (path.starts_with("/containers/json")) return list();
    return serve_container(request, path.substr(12));
  }

  Answer create(const HttpRequest& request, const std::string& name) {
    if (containers.contains(name)) return problem(409, "Conflict. The container name is in use");
    Container fresh;
    fresh.body = Json::parse(request.body);
    const std::string image = fresh.body["Image"];
    if (!images.contains(image)) return problem(404, "No such image: " + image);
    fresh.image_id = images[image];
    fresh.number = ++made;
    fresh.id = "1234567890abcdef" + std::to_string(fresh.number);
    containers[name] = fresh;
    return {201, Json{{"Id", fresh.id}, {"Warnings", Json::array()}}.dump()};
  }

  // Only what has the labels of some pool: the filter is looked at by a test of its own.
  Answer list() const {
    Json all = Json::array();
    for (const auto& [name, container] : containers) {
      if (!container.body["Labels"].contains("flaskscale.pool")) continue;
      Json entry = {{"Id", container.id},
                    {"Names", {"/" + name}},
                    {"ImageID", container.image_id},
                    {"State", container.state},
                    {"Labels", container.body["Labels"]},
                    {"Ports", Json::array()}};
      const bool runs = container.state == "running";
      entry["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] =
          runs ? "172.17.0." + std::to_string(container.number) : "";
      all.push_back(entry);
    }
    return {200, all.dump()};
  }

  Answer serve_container(const HttpRequest& request, const std::string& rest) {
    const std::string key = rest.substr(0, rest.find_first_of("/?"));
    for (auto at = containers.begin(); at != containers.end(); ++at) {
      Container& container = at->second;
      if (at->first != key && container.id != key) continue;
      if (request.method == "DELETE") {
        if (container.state == "running") return problem(409, "stop the container first");
        containers.erase(at);
        return {204, ""};
      }
      return serve_verb(container, rest.substr(key.size()));
    }
    return problem(404, "No such container: " + key);
  }

  static Answer serve_verb(Container& container, const std::string& verb) {
    if (verb == "/start") {
      container.state = "running";
    } else if (verb.starts_with("/kill?signal=")) {
      container.signals.push_back(verb.substr(13));
      if (!container.deaf || container.signals.back() == "SIGKILL") container.state = "exited";
    } else if (verb == "/unpause") {
      container.state = "running";
    } else if (verb == "/json") {
      return {200,
              Json{{"Id", container.id},
                   {"State",
                    {{"Status", container.state},
                     {"ExitCode", container.exit_code},
                     {"OOMKilled", container.out_of_memory}}},
                   {"Config", {{"Labels", container.body["Labels"]}, {"StopSignal", "SIGQUIT"}}}}
                  .dump()};
    } else if (verb.starts_with("/logs")) {
      return {200, container.log};
    }
    return {204, ""};
  }

  int made = 0;                                         // guarded by mutex
  bool holding = false;                                 // guarded by mutex
  std::deque<std::pair<std::string, Answer>> refusals;  // guarded by mutex
  std::condition_variable changed;
};

// One of several clients of a fake engine.
class FakeDockerClient final : public HttpClient {
 public:
  explicit FakeDockerClient(FakeDockerEngine& engine) : engine_(engine) {}
  Result<HttpResponse> send(const HttpRequest& request) override {
    if (cancelled_) return make_error(ErrorCode::cancelled, "given up by its caller");
    return engine_.send(request, cancelled_);
  }
  void cancel() override {
    cancelled_ = true;
    engine_.wake();
  }

 private:
  FakeDockerEngine& engine_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace flaskscale::scaler
