// Gets and renews the certificates that the configuration asks for by name, beside the serving.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "proxy/acme/challenge_board.h"
#include "proxy/acme/folder_lock.h"
#include "proxy/acme/issuer.h"
#include "proxy/acme/settings.h"
#include "proxy/acme/store.h"
#include "proxy/admin/status_model.h"
#include "proxy/config/model.h"
#include "proxy/forward/acme_challenges.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::server {

// What may keep the certificates from coming though the file is right; one line.
std::optional<std::string> acme_warning(const config::Model& model);

// Control loop only, which never waits for the directory: all that blocks is on a thread of its
// own, from the first configuration with such certificates on.
class AcmeManager {
 public:
  using MakeClient = std::function<std::shared_ptr<scaler::HttpClient>(const std::string& ca_file)>;

  // `challenges` must outlive it.
  AcmeManager(forward::AcmeChallenges& challenges, uint64_t seed);
  AcmeManager(forward::AcmeChallenges& challenges, uint64_t seed, acme::Pace pace,
              MakeClient make_client);
  // Within about a second.
  ~AcmeManager();
  AcmeManager(const AcmeManager&) = delete;
  AcmeManager& operator=(const AcmeManager&) = delete;

  // Before a model's certificates are loaded: afterwards there is something to load under every
  // name, if only a self-signed stand-in.
  Result<void> prepare(const config::Model& model);
  // The prepared model is in force. A reload tries at once what has failed.
  void commit(const config::Model& model);
  // The program ends: nothing more is asked.
  void stop();

  // None: no certificate is got by name.
  std::optional<admin::AcmeStatus> status() const;

 private:
  // What is wanted, and from whom.
  struct Target {
    std::string root;
    acme::DirectorySettings directory;
    std::string ca_file;
    std::vector<std::vector<std::string>> certificates;
    std::shared_ptr<acme::Store> store;
  };
  // What only the thread has.
  struct Work {
    std::optional<Target> target;
    acme::FolderLock lock;
    std::shared_ptr<scaler::HttpClient> client;
    std::unique_ptr<acme::Issuer> issuer;
    bool complained = false;  // about the lock
  };

  Target target_of(const config::Model& model) const;
  std::shared_ptr<acme::Store> store_in(const std::string& folder) const;
  void work();
  // When it has something to do again.
  WallTime turn(Work& work, WallTime now);
  bool begin(Work& work, WallTime now);
  void bring_to(Work& work, Target target, WallTime now);
  void publish(const acme::Issuer& issuer);

  class Board final : public acme::ChallengeBoard {
   public:
    explicit Board(forward::AcmeChallenges& challenges) : challenges_(challenges) {}
    void put_up(const std::string& token, const std::string& answer) override {
      challenges_.put_up(token, answer);
    }
    void take_down(const std::string& token) override { challenges_.take_down(token); }

   private:
    forward::AcmeChallenges& challenges_;
  };

  Board board_;
  const acme::Pace pace_;
  const MakeClient make_client_;
  // Control loop.
  std::thread thread_;
  std::shared_ptr<acme::Store> store_;           // of the target in force
  std::shared_ptr<acme::Store> prepared_store_;  // of the one that may follow

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  Random random_;
  std::optional<Target> next_;                  // the thread has not seen it yet
  std::shared_ptr<scaler::HttpClient> client_;  // which the thread uses
  bool stopping_ = false;
  bool is_wanted_ = false;
  std::vector<acme::JobStatus> jobs_;
  acme::IssuerCounts counts_;         // of the issuer in force
  acme::IssuerCounts former_counts_;  // of those before it
};

}  // namespace flaskscale::server
