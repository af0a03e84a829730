#include "scaler/providers/docker_provider.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "scaler/providers/curl_http_client.h"
#include "scaler/providers/docker_errors.h"
#include "scaler/providers/state_identity.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kLongestContainerName = 63;
constexpr size_t kMostLogBytes = 600;
constexpr size_t kImageDigits = 12;

bool is_instance_name(const std::string& name) {
  return name.size() >= 2 && name.size() <= kLongestContainerName && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::unique_ptr<HttpClient> make_curl_client(const DockerEndpoint& endpoint) {
  return std::make_unique<CurlHttpClient>(docker_trust(endpoint));
}

DockerParts completed(DockerParts parts) {
  if (!parts.make_client) parts.make_client = make_curl_client;
  return parts;
}

std::string version_of(const DockerSettings& settings, std::string_view image_id) {
  const size_t colon = image_id.find(':');
  if (colon != std::string_view::npos) image_id.remove_prefix(colon + 1);
  return fingerprint(settings) + "-" + std::string(image_id.substr(0, kImageDigits));
}

std::string_view label_of(const DockerContainer& container, std::string_view key) {
  const auto label = container.labels.find(key);
  return label == container.labels.end() ? std::string_view() : std::string_view(label->second);
}

bool has_ended(DockerState state) {
  return state == DockerState::exited || state == DockerState::dead;
}

}  // namespace

DockerProvider::DockerProvider(DockerSettings settings, DockerParts parts)
    : parts_(completed(std::move(parts))),
      puller_(parts_.make_client, parts_.helper, parts_.now),
      settings_(std::move(settings)) {}

DockerProvider::~DockerProvider() = default;

DockerSettings DockerProvider::settings() const {
  const std::lock_guard lock(settings_mutex_);
  return settings_;
}

void DockerProvider::apply(DockerSettings settings) {
  const std::lock_guard lock(settings_mutex_);
  settings_ = std::move(settings);
}

Result<DockerProvider::Work> DockerProvider::begin() {
  DockerSettings wanted = settings();
  if (front_door_.empty()) {
    Result<std::string> identity = state_identity(wanted.state_dir);
    if (!identity) return identity.error();
    front_door_ = std::move(*identity);
  }
  const Result<DockerApi*> api = open(wanted);
  if (!api) return api.error();
  return Work{std::move(wanted), **api, front_door_, std::nullopt};
}

Result<DockerApi*> DockerProvider::open(const DockerSettings& wanted) {
  if (const Result<void> sound = check(wanted); !sound) {
    return make_error(ErrorCode::misconfigured, sound.error().detail);
  }
  if (engine_.api == nullptr || engine_.host != wanted.host) {
    Result<DockerEndpoint> endpoint = DockerEndpoint::parse(wanted.host);
    if (!endpoint) return endpoint.error();
    engine_ = {};
    engine_.host = wanted.host;
    engine_.client = parts_.make_client(*endpoint);
    engine_.api = std::make_unique<DockerApi>(std::move(*endpoint), *engine_.client);
  }
  return engine_.api.get();
}

Result<void> DockerProvider::look_for_image(Work& work) {
  Result<std::optional<std::string>> id = work.api.image_id(work.wanted.image);
  if (!id) return id.error();
  work.image_id = std::move(*id);
  return {};
}

Result<DockerProvider::Image> DockerProvider::provide_image(const Work& work) {
  switch (work.wanted.pull) {
    case PullPolicy::never:
      if (work.image_id) return Image::ready;
      return make_error(ErrorCode::misconfigured,
                        "image " + work.wanted.image +
                            " is not on the engine, and with pull = \"never\" it stays so: build "
                            "or load it there");
    case PullPolicy::missing:
      if (work.image_id) return Image::ready;
      break;
    case PullPolicy::always:
      break;
  }
  puller_.begin(work.wanted);
  return Image::awaited;
}

Result<void> DockerProvider::create(const InstanceCall& call) {
  for (const std::string& name : call.names) {
    if (!is_instance_name(name)) {
      return make_error(ErrorCode::invalid_argument, "\"" + name + "\" is no name of an instance");
    }
  }
  Result<Work> work = begin();
  if (!work) return work.error();
  if (const Result<void> looked = look_for_image(*work); !looked) return looked;
  const Result<Image> image = provide_image(*work);
  if (!image) return image.error();
  if (*image == Image::awaited) {
    for (const std::string& name : call.names) {
      failures_.erase(name);
      awaited_.insert(name);
    }
    return {};
  }
  std::map<std::string, Error> failed;
  for (const std::string& name : call.names) {
    const Result<void> made = make(*work, name);
    if (!made && made.error().retry == Retry::always) return made;
    failures_.erase(name);
    if (!made) failed.emplace(name, made.error());
  }
  if (!failed.empty() && failed.size() == call.names.size()) return failed.begin()->second;
  for (auto& [name, error] : failed) {
    spdlog::warn("pool {}: instance {}: {}", work->wanted.pool, name, error.detail);
    failures_.insert_or_assign(name, std::move(error));
  }
  return {};
}

// Creates and starts one container. What could be created but not started is taken away again.
Result<void> DockerProvider::make(const Work& work, const std::string& name) {
  const std::string version = version_of(work.wanted, work.image_id.value_or(""));
  const std::string body =
      docker_create_body(work.wanted, name, docker_labels(work.wanted, work.front_door, version));
  Result<std::string> id = work.api.create(name, body);
  if (!id && id.error().code == ErrorCode::already_exists) id = claim(work, name);
  if (!id) {
    if (id.error().code != ErrorCode::not_found) return id.error();
    // The image went away between the look and the call, or a network is missing.
    return make_error(ErrorCode::misconfigured, id.error().detail);
  }
  if (id->empty()) return {};
  const Result<void> started = work.api.start(*id);
  if (started) return {};
  Error error = started.error();
  if (error.retry == Retry::always) return error;
  if (error.code == ErrorCode::not_found) error.code = ErrorCode::misconfigured;
  if (const Result<void> removed = work.api.remove(*id); !removed) {
    spdlog::warn("pool {}: instance {}: {}", work.wanted.pool, name, removed.error().detail);
  }
  return error;
}

// The id of a container of ours that has the name already and was never started; empty: it was.
Result<std::string> DockerProvider::claim(const Work& work, const std::string& name) {
  const Result<DockerInspection> there = work.api.inspect(name);
  if (!there) return there.error();
  const auto is = [&](std::string_view key, const std::string& value) {
    const auto label = there->labels.find(key);
    return label != there->labels.end() && label->second == value;
  };
  if (is(kDockerPoolLabel, work.wanted.pool) && is(kDockerFrontDoorLabel, work.front_door)) {
    return there->state == DockerState::created ? there->id : std::string();
  }
  return make_error(ErrorCode::already_exists,
                    "a container named " + name + " is there and is not ours");
}

// Makes what waits for its image, once that is there. An error: the engine can't be reached.
Result<void> DockerProvider::make_awaited(Work& work) {
  if (awaited_.empty()) return {};
  const DockerImagePuller::Status pull = puller_.status(work.wanted.image);
  switch (pull.phase) {
    case DockerImagePuller::Phase::none: {  // a reload named another image meanwhile
      const Result<Image> image = provide_image(work);
      if (!image) fail_awaited(image.error());
      if (!image || *image == Image::awaited) return {};
      break;
    }
    case DockerImagePuller::Phase::running:
      return {};
    case DockerImagePuller::Phase::failed:
      if (!work.image_id) {
        fail_awaited(pull.error);
        return {};
      }
      spdlog::warn("pool {}: the image {} at hand is used", work.wanted.pool, work.wanted.image);
      break;
    case DockerImagePuller::Phase::done:
      if (!work.image_id) {
        fail_awaited(make_error(ErrorCode::misconfigured,
                                "image " + work.wanted.image + " was pulled and is gone again"));
        return {};
      }
      break;
  }
  while (!awaited_.empty()) {
    const std::string name = *awaited_.begin();
    const Result<void> made = make(work, name);
    if (!made && made.error().retry == Retry::always) return made;
    awaited_.erase(name);
    if (!made) {
      spdlog::warn("pool {}: instance {}: {}", work.wanted.pool, name, made.error().detail);
      failures_.insert_or_assign(name, made.error());
    }
  }
  puller_.forget();
  return {};
}

void DockerProvider::fail_awaited(const Error& error) {
  for (const std::string& name : awaited_) failures_.insert_or_assign(name, error);
  awaited_.clear();
  puller_.forget();
}

Result<std::vector<InstanceReport>> DockerProvider::list() {
  Result<Work> work = begin();
  if (!work) return work.error();
  // An engine that can't tell about an image may well list containers.
  if (const Result<void> looked = look_for_image(*work);
      !looked && looked.error().retry == Retry::always) {
    return looked.error();
  }
  if (const Result<void> made = make_awaited(*work); !made) return made.error();
  const Result<std::vector<DockerContainer>> containers =
      work->api.list(docker_list_filter(work->wanted.pool, work->front_door),
                     work->wanted.network.empty() ? "bridge" : work->wanted.network);
  if (!containers) return containers.error();

  std::vector<InstanceReport> reports;
  std::set<std::string> listed;
  std::map<std::string, std::string> ends;
  for (const DockerContainer& container : *containers) {
    Result<std::optional<InstanceReport>> report = look_after(*work, container);
    if (!report) return report.error();
    if (!*report) continue;
    listed.insert(container.name);
    if (const auto end = ends_.find(container.id); end != ends_.end()) ends.insert(*end);
    reports.push_back(std::move(**report));
  }
  ends_ = std::move(ends);
  std::erase_if(leaving_, [&](const auto& entry) { return !listed.contains(entry.first); });
  report_absent(*work, listed, reports);
  return reports;
}

// Names without a container: those that wait, and those that could not be made.
void DockerProvider::report_absent(const Work& work, const std::set<std::string>& listed,
                                   std::vector<InstanceReport>& reports) const {
  const std::string version = version_of(work.wanted, work.image_id.value_or(""));
  for (const std::string& name : awaited_) {
    if (listed.contains(name)) continue;
    const std::string progress = puller_.status(work.wanted.image).progress;
    InstanceReport report;
    report.name = name;
    report.version = version;
    report.detail = "image " + work.wanted.image + " is being pulled" +
                    (progress.empty() ? "" : ": " + progress);
    reports.push_back(std::move(report));
  }
  for (const auto& [name, error] : failures_) {
    if (listed.contains(name)) continue;
    InstanceReport report;
    report.name = name;
    report.version = version;
    report.obstacle = obstacle_of(error);
    report.detail = error.detail;
    reports.push_back(std::move(report));
  }
}

// Nothing: it is gone. An error: the engine can't be reached.
Result<std::optional<InstanceReport>> DockerProvider::look_after(const Work& work,
                                                                 const DockerContainer& container) {
  InstanceReport report;
  report.name = container.name;
  report.id = container.id.substr(0, kImageDigits);
  report.ours = true;  // its labels say so
  report.version = label_of(container, kDockerVersionLabel);
  const std::string fresh = version_of(work.wanted, work.image_id.value_or(""));
  // Without the image at hand its id is unknown; then the settings alone are compared.
  report.outdated = work.image_id ? report.version != fresh : !report.version.starts_with(fresh);
  say_state(work, container, report);

  const auto leaving = leaving_.find(container.name);
  if (leaving == leaving_.end()) return std::optional(std::move(report));
  if (report.detail.empty()) report.detail = "being ended";
  if (!has_ended(container.state)) {
    const Result<void> finished = finish_leaving(work, container, leaving->second);
    if (!finished) return finished.error();
    return std::optional(std::move(report));
  }
  const Result<void> removed = work.api.remove(container.id);
  if (removed) return std::optional<InstanceReport>();
  if (removed.error().retry == Retry::always) return removed.error();
  report.detail = removed.error().detail;
  return std::optional(std::move(report));
}

void DockerProvider::say_state(const Work& work, const DockerContainer& container,
                               InstanceReport& report) {
  report.address = container.address;
  switch (container.state) {
    case DockerState::created:
      start_late(work, container, report);
      break;
    case DockerState::running:
      report.running = true;
      if (container.address.empty()) {
        report.detail = "has no address on its network: set network or publish";
      }
      break;
    case DockerState::paused:
      report.running = true;
      report.detail = "paused";
      break;
    case DockerState::restarting:
      report.detail = "starting again";
      break;
    case DockerState::removing:
      report.detail = "being removed";
      break;
    case DockerState::exited:
    case DockerState::dead:
      report.exited = true;
      report.address.clear();
      report.detail = end_of(work, container);
      break;
  }
}

// A container that was created and never started: this program ended between the two calls.
void DockerProvider::start_late(const Work& work, const DockerContainer& container,
                                InstanceReport& report) {
  if (!failures_.contains(container.name) && !leaving_.contains(container.name)) {
    const Result<void> started = work.api.start(container.id);
    if (!started && started.error().retry != Retry::always) {
      failures_.insert_or_assign(container.name, started.error());
    }
  }
  const auto failure = failures_.find(container.name);
  report.detail = "being started";
  if (failure == failures_.end()) return;
  report.obstacle = obstacle_of(failure->second);
  report.detail = failure->second.detail;
}

// How it ended, asked for once; when it can't be learnt, the next list asks again.
const std::string& DockerProvider::end_of(const Work& work, const DockerContainer& container) {
  static const std::string kUnknown = "ended";
  if (const auto known = ends_.find(container.id); known != ends_.end()) return known->second;
  const Result<DockerInspection> state = work.api.inspect(container.id);
  if (!state) return kUnknown;
  std::string end = "exited with status " + std::to_string(state->exit_code);
  if (state->out_of_memory) end += ", killed because it needed more memory than it may have";
  if (!state->error.empty()) end += ": " + state->error;
  const Result<std::string> tail = work.api.log_tail(container.id, kMostLogBytes);
  if (tail && !tail->empty()) end += "; last output: " + *tail;
  spdlog::log(leaving_.contains(container.name) ? spdlog::level::debug : spdlog::level::warn,
              "pool {}: instance {} {}", work.wanted.pool, container.name, end);
  return ends_.insert_or_assign(container.id, std::move(end)).first->second;
}

Result<void> DockerProvider::finish_leaving(const Work& work, const DockerContainer& container,
                                            Leaving& leaving) {
  if (leaving.killed || parts_.now() < leaving.kill_at) return {};
  const Result<void> killed = work.api.signal(container.id, "SIGKILL");
  if (!killed && killed.error().retry == Retry::always) return killed;
  leaving.killed = killed.has_value();
  return {};
}

Result<void> DockerProvider::remove(const InstanceCall& call) {
  Result<Work> work = begin();
  if (!work) return work.error();
  const Result<std::vector<DockerContainer>> containers =
      work->api.list(docker_list_filter(work->wanted.pool, work->front_door), "");
  if (!containers) return containers.error();
  Result<void> outcome;
  for (const std::string& name : call.names) {
    const auto container = std::find_if(containers->begin(), containers->end(),
                                        [&](const auto& entry) { return entry.name == name; });
    if (container != containers->end()) {
      Result<void> begun = begin_end(*work, *container);
      if (!begun && begun.error().retry == Retry::always) return begun;
      if (!begun) {
        outcome = std::move(begun);
        continue;
      }
    }
    awaited_.erase(name);
    failures_.erase(name);
  }
  return outcome;
}

// Asks once; list() sees to the rest.
Result<void> DockerProvider::begin_end(const Work& work, const DockerContainer& container) {
  if (has_ended(container.state) || container.state == DockerState::created) {
    return work.api.remove(container.id);
  }
  if (leaving_.contains(container.name)) return {};
  const Result<DockerInspection> state = work.api.inspect(container.id);
  if (!state) {
    if (state.error().code == ErrorCode::not_found) return {};
    return state.error();
  }
  if (container.state == DockerState::paused) {
    if (const Result<void> awake = work.api.unpause(container.id); !awake) return awake;
  }
  if (Result<void> asked = work.api.signal(container.id, state->stop_signal); !asked) return asked;
  leaving_[container.name] = {parts_.now() + work.wanted.stop_grace, false};
  return {};
}

}  // namespace flaskscale::scaler
