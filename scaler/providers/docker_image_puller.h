// Pulls an image in a thread of its own, so that nobody waits for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/time.h"
#include "scaler/providers/docker_credentials.h"
#include "scaler/providers/docker_endpoint.h"
#include "scaler/providers/docker_settings.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

using MakeHttpClient = std::function<std::unique_ptr<HttpClient>(const DockerEndpoint& endpoint)>;

// One pull at a time. Progress goes to the log every few seconds, the end of a pull too. Its
// methods are for one thread at a time. The destructor cancels a pull and waits for its thread,
// about a second.
class DockerImagePuller {
 public:
  enum class Phase : uint8_t { none, running, done, failed };
  struct Status {
    Phase phase = Phase::none;
    std::string progress;  // "3 of 5 layers, 12MiB of 48MiB"; may be empty
    Error error;           // failed
  };

  // An empty `helper` stands for credential_helper().
  DockerImagePuller(MakeHttpClient make_client, CredentialHelper helper, std::function<Time()> now);
  ~DockerImagePuller();
  DockerImagePuller(const DockerImagePuller&) = delete;
  DockerImagePuller& operator=(const DockerImagePuller&) = delete;

  // Pulls settings.image. A pull of the same image that runs goes on, another one is cancelled.
  void begin(const DockerSettings& settings);
  // Of the pull of this image; `none` when the last one was of another or was forgotten.
  Status status(const std::string& image) const;
  // What has ended is told no more.
  void forget();

 private:
  void stop();
  void run(const DockerSettings& settings);
  Result<void> pull(const DockerSettings& settings);
  Result<void> pull_from(HttpClient& client, const DockerEndpoint& endpoint,
                         const DockerSettings& settings, const std::string& credentials);

  const MakeHttpClient make_client_;
  const CredentialHelper helper_;
  const std::function<Time()> now_;
  std::atomic<bool> cancelled_ = false;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::string image_;             // guarded by mutex_
  Status status_;                 // guarded by mutex_
  HttpClient* client_ = nullptr;  // guarded by mutex_; of the pull that runs
};

}  // namespace flaskscale::scaler
