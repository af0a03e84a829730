#include "proxy/server/acme_manager.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/log.h"
#include "proxy/acme/paths.h"
#include "proxy/config/acme_certificates.h"
#include "scaler/providers/curl_http_client.h"

namespace flaskscale::server {
namespace {

// The wall clock may jump: nobody sleeps by it for long.
constexpr auto kLongestSleep = std::chrono::seconds(60);
// Between two tries to take the folder over.
constexpr auto kLockAgain = std::chrono::seconds(10);

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::shared_ptr<scaler::HttpClient> make_curl_client(const std::string& ca_file) {
  return std::make_shared<scaler::CurlHttpClient>(scaler::CurlSettings{ca_file, {}, {}});
}

}  // namespace

std::optional<std::string> acme_warning(const config::Model& model) {
  if (config::acme_certificates(model).empty()) return std::nullopt;
  for (const config::ListenerModel& listener : model.listeners) {
    if (!listener.certificates.empty()) continue;
    for (const std::string& address : listener.listen) {
      if (address.ends_with(":80")) return std::nullopt;
    }
  }
  return "no listener without certificates listens on port 80, where authorities look whether a "
         "name leads here (HTTP-01); fine if something in front of it passes port 80 on to one";
}

AcmeManager::AcmeManager(forward::AcmeChallenges& challenges, uint64_t seed)
    : AcmeManager(challenges, seed, acme::Pace(), &make_curl_client) {}

AcmeManager::AcmeManager(forward::AcmeChallenges& challenges, uint64_t seed, acme::Pace pace,
                         MakeClient make_client)
    : board_(challenges), pace_(pace), make_client_(std::move(make_client)), random_(seed) {}

AcmeManager::~AcmeManager() {
  stop();
  if (thread_.joinable()) thread_.join();
}

// --- Control loop
// ----------------------------------------------------------------------------------

// Two at work in one folder would not know of each other's files.
std::shared_ptr<acme::Store> AcmeManager::store_in(const std::string& folder) const {
  for (const auto& store : {store_, prepared_store_}) {
    if (store != nullptr && store->folder() == folder) return store;
  }
  return std::make_shared<acme::Store>(folder);
}

AcmeManager::Target AcmeManager::target_of(const config::Model& model) const {
  const config::AcmeModel& acme = model.acme;
  Target target;
  target.root = acme::acme_root(model.server.state_dir);
  target.directory = {acme.directory, acme.email, acme.agree_terms, acme.eab_key_id, acme.eab_key};
  target.ca_file = acme.ca;
  target.certificates = config::acme_certificates(model);
  if (target.certificates.empty()) return target;
  target.store = store_in(acme::directory_folder(target.root, acme.directory));
  return target;
}

Result<void> AcmeManager::prepare(const config::Model& model) {
  const Target target = target_of(model);
  prepared_store_ = target.store;
  for (const auto& names : target.certificates) {
    if (auto made = target.store->ensure_pair(names, wall_now()); !made) {
      Error error = made.error();
      error.detail = "acme: the certificate of " + names.front() +
                     " has no place: " + error.detail + " (server.state_dir)";
      return error;
    }
  }
  return {};
}

void AcmeManager::commit(const config::Model& model) {
  Target target = target_of(model);
  store_ = target.store;
  prepared_store_.reset();
  const bool is_wanted = !target.certificates.empty();
  if (const auto warning = acme_warning(model)) spdlog::warn("acme: {}", *warning);
  {
    const std::lock_guard lock(mutex_);
    is_wanted_ = is_wanted;
    next_ = std::move(target);
  }
  wake_.notify_one();
  if (thread_.joinable() || !is_wanted) return;
  // Signals are for the loop's thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void AcmeManager::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (client_ != nullptr) client_->cancel();
  }
  wake_.notify_one();
}

std::optional<admin::AcmeStatus> AcmeManager::status() const {
  const std::lock_guard lock(mutex_);
  admin::AcmeStatus status;
  status.issued = former_counts_.issued + counts_.issued;
  status.failed = former_counts_.failed + counts_.failed;
  if (!is_wanted_ && status.issued + status.failed == 0) return std::nullopt;
  const WallTime now = wall_now();
  for (const acme::JobStatus& job : jobs_) {
    admin::AcmeCertificateStatus& certificate = status.certificates.emplace_back();
    certificate.names = job.names;
    certificate.is_stand_in = !job.has_certificate;
    certificate.not_after_s = job.not_after.time_since_epoch().count() / 1000;
    certificate.next_seconds = std::max(0.0, std::chrono::duration<double>(job.next - now).count());
    certificate.under_way = job.under_way;
    certificate.failures = job.failures;
    certificate.last_error = job.last_error;
  }
  return status;
}

// --- Its own thread
// --------------------------------------------------------------------------------

void AcmeManager::work() {
  Work work;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    std::optional<Target> next = std::exchange(next_, std::nullopt);
    lock.unlock();
    const WallTime now = wall_now();
    if (next) bring_to(work, *std::move(next), now);
    const WallTime due = turn(work, now);
    lock.lock();
    const auto sleep =
        std::clamp<WallTime::duration>(due - wall_now(), WallTime::duration::zero(), kLongestSleep);
    wake_.wait_for(lock, sleep, [this] { return stopping_ || next_.has_value(); });
  }
}

void AcmeManager::bring_to(Work& work, Target target, WallTime now) {
  const bool same = work.target && work.issuer != nullptr &&
                    work.target->directory == target.directory &&
                    work.target->ca_file == target.ca_file && work.target->store == target.store;
  if (same) {
    work.issuer->want(target.certificates, now);
    work.issuer->try_soon(now);
    publish(*work.issuer);
  } else {
    work.issuer.reset();
    const std::lock_guard lock(mutex_);
    former_counts_.issued += std::exchange(counts_.issued, 0);
    former_counts_.failed += std::exchange(counts_.failed, 0);
    jobs_.clear();
  }
  work.target = std::move(target);
}

WallTime AcmeManager::turn(Work& work, WallTime now) {
  if (!work.target || work.target->certificates.empty()) return now + kLongestSleep;
  if (work.issuer == nullptr) {
    if (auto taken = work.lock.take(work.target->root); !taken) {
      if (!std::exchange(work.complained, true)) spdlog::warn("acme: {}", taken.error().detail);
      return now + kLockAgain;
    }
    work.complained = false;
    if (!begin(work, now)) return now;
  }
  const WallTime due = work.issuer->step(now);
  publish(*work.issuer);
  return due;
}

// False: the program ends.
bool AcmeManager::begin(Work& work, WallTime now) {
  work.client = make_client_(work.target->ca_file);
  uint64_t seed = 0;
  {
    const std::lock_guard lock(mutex_);
    client_ = work.client;
    seed = random_.next();
    if (stopping_) return false;
  }
  work.issuer = std::make_unique<acme::Issuer>(work.target->directory, pace_, *work.target->store,
                                               board_, *work.client, Random(seed));
  work.issuer->want(work.target->certificates, now);
  return true;
}

void AcmeManager::publish(const acme::Issuer& issuer) {
  std::vector<acme::JobStatus> jobs = issuer.status();
  const std::lock_guard lock(mutex_);
  jobs_ = std::move(jobs);
  counts_ = issuer.counts();
}

}  // namespace flaskscale::server
