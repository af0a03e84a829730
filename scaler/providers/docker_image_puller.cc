#include "scaler/providers/docker_image_puller.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/text.h"
#include "scaler/providers/docker_api.h"
#include "scaler/providers/docker_errors.h"
#include "scaler/providers/docker_image_name.h"
#include "scaler/providers/docker_pull_progress.h"

namespace flaskscale::scaler {
namespace {

constexpr auto kProgressInterval = std::chrono::seconds(5);

std::string seconds_text(Duration duration) {
  return format_duration(std::chrono::round<std::chrono::milliseconds>(duration));
}

}  // namespace

DockerImagePuller::DockerImagePuller(MakeHttpClient make_client, CredentialHelper helper,
                                     std::function<Time()> now)
    : make_client_(std::move(make_client)),
      helper_(helper ? std::move(helper) : credential_helper(&cancelled_)),
      now_(std::move(now)) {}

DockerImagePuller::~DockerImagePuller() { stop(); }

void DockerImagePuller::stop() {
  if (!thread_.joinable()) return;
  cancelled_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (client_ != nullptr) client_->cancel();
  }
  thread_.join();
  cancelled_ = false;
}

void DockerImagePuller::begin(const DockerSettings& settings) {
  if (status(settings.image).phase == Phase::running) return;
  stop();
  {
    const std::lock_guard lock(mutex_);
    image_ = settings.image;
    status_ = {Phase::running, "", {}};
  }
  thread_ = std::thread([this, settings] { run(settings); });
}

DockerImagePuller::Status DockerImagePuller::status(const std::string& image) const {
  const std::lock_guard lock(mutex_);
  return image == image_ ? status_ : Status{};
}

void DockerImagePuller::forget() {
  const std::lock_guard lock(mutex_);
  if (status_.phase != Phase::running) status_ = {};
}

void DockerImagePuller::run(const DockerSettings& settings) {
  spdlog::info("pool {}: image {} is being pulled", settings.pool, settings.image);
  const Time begin = now_();
  const Result<void> pulled = pull(settings);
  if (pulled) {
    spdlog::info("pool {}: image {} was pulled in {}", settings.pool, settings.image,
                 seconds_text(now_() - begin));
  } else if (cancelled_) {
    spdlog::info("pool {}: the pull of image {} was given up", settings.pool, settings.image);
  } else {
    spdlog::warn("pool {}: {}", settings.pool, pulled.error().detail);
  }
  const std::lock_guard lock(mutex_);
  status_ = pulled ? Status{Phase::done, "", {}} : Status{Phase::failed, "", pulled.error()};
}

Result<void> DockerImagePuller::pull(const DockerSettings& settings) {
  const Result<DockerEndpoint> endpoint = DockerEndpoint::parse(settings.host);
  if (!endpoint) return endpoint.error();
  const Result<DockerImageName> name = DockerImageName::parse(settings.image);
  if (!name) return name.error();
  const DockerCredentials credentials(settings.registry_auth, helper_);
  const Result<std::string> header = credentials.header_for(name->registry);
  if (!header) {
    return make_error(header.error().code,
                      "image " + settings.image + " can't be pulled: " + header.error().detail);
  }
  const std::unique_ptr<HttpClient> client = make_client_(*endpoint);
  {
    const std::lock_guard lock(mutex_);
    client_ = client.get();
    if (cancelled_) client->cancel();
  }
  Result<void> pulled = pull_from(*client, *endpoint, settings, *header);
  const std::lock_guard lock(mutex_);
  client_ = nullptr;
  return pulled;
}

Result<void> DockerImagePuller::pull_from(HttpClient& client, const DockerEndpoint& endpoint,
                                          const DockerSettings& settings,
                                          const std::string& credentials) {
  DockerApi api(endpoint, client);
  DockerPullProgress progress;
  Time told = now_();
  const auto on_progress = [&](std::string_view piece) {
    progress.feed(piece);
    const std::string summary = progress.summary();
    {
      const std::lock_guard lock(mutex_);
      status_.progress = summary;
    }
    if (const Time now = now_(); now - told >= kProgressInterval && !summary.empty()) {
      told = now;
      spdlog::info("pool {}: image {}: {}", settings.pool, settings.image, summary);
    }
    return !cancelled_.load();
  };
  Result<void> pulled = api.pull(settings.image, credentials, on_progress);
  progress.finish();
  if (!pulled) return pulled;
  if (progress.error().empty()) return {};
  // The status was sent long before anything could go wrong.
  return docker_pull_error(0, progress.error(), settings.image);
}

}  // namespace flaskscale::scaler
