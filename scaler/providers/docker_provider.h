// Instances that are containers of a Docker engine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "scaler/check_finding.h"
#include "scaler/provider.h"
#include "scaler/providers/docker_api.h"
#include "scaler/providers/docker_image_puller.h"
#include "scaler/providers/docker_settings.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

struct DockerParts {
  MakeHttpClient make_client;  // empty: CurlHttpClient
  CredentialHelper helper;     // empty: credential_helper()
  std::function<Time()> now = Clock::now;
};

// A container bears its instance's name, and labels by which a restarted program finds its own and
// touches no other: the pool, and the identity kept in state_dir. Its version is made of the
// settings and the image's id, so that both a reload and a new image under the same name make the
// old ones `outdated`. While the image is being pulled, create() has succeeded and list() shows its
// names as not running yet. list() also does the housekeeping (kills after the grace, removals,
// what waits for an image), so it is to be called about once a second. Destroying the provider
// leaves the containers alone, and cancels a pull.
class DockerProvider final : public Provider {
 public:
  explicit DockerProvider(DockerSettings settings, DockerParts parts = {});
  ~DockerProvider() override;

  // A reload: counts from the next call on. Any thread.
  void apply(DockerSettings settings);
  // Engine, image, network: what create() would stumble over. Changes nothing; counts as a call.
  std::vector<CheckFinding> check_online();

  Result<void> create(const InstanceCall& call) override;
  Result<std::vector<InstanceReport>> list() override;
  Result<void> remove(const InstanceCall& call) override;

 private:
  // Rebuilt when a reload names another host.
  struct Engine {
    std::string host;
    std::unique_ptr<HttpClient> client;
    std::unique_ptr<DockerApi> api;
  };
  // What one call works with.
  struct Work {
    DockerSettings wanted;
    DockerApi& api;
    std::string front_door;
    std::optional<std::string> image_id;  // nothing: the engine does not have the image
  };
  struct Leaving {
    Time kill_at;
    bool killed = false;
  };
  enum class Image : uint8_t { ready, awaited };

  DockerSettings settings() const;
  Result<Work> begin();
  Result<DockerApi*> open(const DockerSettings& wanted);
  Result<void> look_for_image(Work& work);
  Result<Image> provide_image(const Work& work);

  Result<void> make(const Work& work, const std::string& name);
  Result<std::string> claim(const Work& work, const std::string& name);
  Result<void> make_awaited(Work& work);
  void fail_awaited(const Error& error);

  Result<std::optional<InstanceReport>> look_after(const Work& work,
                                                   const DockerContainer& container);
  void say_state(const Work& work, const DockerContainer& container, InstanceReport& report);
  void start_late(const Work& work, const DockerContainer& container, InstanceReport& report);
  const std::string& end_of(const Work& work, const DockerContainer& container);
  Result<void> finish_leaving(const Work& work, const DockerContainer& container, Leaving& leaving);
  void report_absent(const Work& work, const std::set<std::string>& listed,
                     std::vector<InstanceReport>& reports) const;
  Result<void> begin_end(const Work& work, const DockerContainer& container);

  const DockerParts parts_;
  DockerImagePuller puller_;
  Engine engine_;
  std::string front_door_;                   // empty: not read yet
  std::set<std::string> awaited_;            // asked for, made as soon as the image is there
  std::map<std::string, Error> failures_;    // could not be made; told until remove()
  std::map<std::string, Leaving> leaving_;   // by name: remove() was called
  std::map<std::string, std::string> ends_;  // by container id: how it ended, for people
  mutable std::mutex settings_mutex_;
  DockerSettings settings_;  // guarded by settings_mutex_
};

}  // namespace flaskscale::scaler
