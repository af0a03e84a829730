// The whole program: wires the layers, reloads, answers signals, shuts down.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/admin/admin_api.h"
#include "proxy/admin/status_model.h"
#include "proxy/config/model.h"
#include "proxy/forward/service_connection.h"
#include "proxy/forward/worker.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/signal_watcher.h"
#include "proxy/net/timer.h"
#include "proxy/server/access_logs.h"
#include "proxy/server/acme_manager.h"
#include "proxy/server/certificate_store.h"
#include "proxy/server/listener_set.h"
#include "proxy/server/pool_registry.h"
#include "proxy/server/sticky_secret.h"

namespace flaskscale::server {

struct ServerOptions {
  std::string config_path;
  std::string ready_file;  // empty: none
};

// Control loop thread, which is the one that calls run().
class Server final : public admin::StatusSource {
 public:
  Server(ServerOptions options, config::Model model);
  ~Server();

  // Binds, starts the workers, serves until a signal ends it. An error before anything is served
  // leaves nothing behind. Returns when all is down.
  Result<void> run();
  // After run(): provider calls that have not come back; the end of this object waits for them.
  bool has_calls_under_way() const { return pools_.has_calls_under_way(); }

  admin::ServerStatus status() override;
  admin::ServerState state() override { return state_; }
  std::optional<std::vector<admin::DecisionEntry>> decisions(std::string_view pool) override;
  Result<admin::BackendChange> drain(std::string_view pool, std::string_view address) override;
  Result<admin::BackendChange> undrain(std::string_view pool, std::string_view address) override;

 private:
  // All that may fail of bringing a model into force, done before anything changes.
  struct Prepared {
    ListenerSet::Prepared listeners;
    std::optional<AccessLogs> access_logs;  // absent: the old ones stay
    std::optional<net::OwnedFd> admin;      // absent: the old one stays
    std::shared_ptr<CertificateStore::Prepared> certificates;
  };

  Result<Prepared> prepare(const config::Model& model);
  void commit(config::Model model, Prepared prepared);
  // Gives the workers what they serve by from now on.
  void hand_out_snapshot(const config::Model& model, const ListenerSet::Prepared& sockets);
  Result<void> start();
  void announce() const;
  Result<void> write_ready_file() const;
  void open_admin(net::OwnedFd socket);
  void watch_signals();

  void reload();
  void reload_failed(std::string error);
  void on_stop_signal();
  void tick();
  void tick_certificates();
  void tick_shutdown();
  void stop_workers();

  const ServerOptions options_;
  config::Model model_;
  const unsigned worker_count_;
  net::EventLoop loop_;
  forward::WorkerGroup group_;
  PoolRegistry pools_;
  CertificateStore certificates_;
  AcmeManager acme_;
  StickySecret sticky_secret_;
  ListenerSet listeners_;
  AccessLogs access_logs_;
  admin::AdminApi admin_api_;
  std::unique_ptr<forward::ServiceListener> admin_;
  std::string admin_address_;
  std::vector<std::unique_ptr<net::SignalWatcher>> signals_;
  std::unique_ptr<net::Timer> timer_;

  admin::ServerState state_ = admin::ServerState::starting;
  uint64_t generation_ = 0;
  unsigned ticks_ = 0;
  Time started_at_{};
  Time reloaded_at_{};
  std::string reload_error_;  // empty: the last one went well
  // Shutdown: workers drain, then their threads end, then the instances go, then the last events.
  enum class Stopping : uint8_t { no, draining_workers, ending_instances, delivering_events, done };
  Stopping stopping_ = Stopping::no;
  Time stop_began_{};
  Time instances_deadline_{};
  bool in_a_hurry_ = false;
};

}  // namespace flaskscale::server
