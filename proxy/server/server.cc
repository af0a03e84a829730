#include "proxy/server/server.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/cpu_count.h"
#include "base/endpoint.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "proxy/config/diff.h"
#include "proxy/config/loader.h"
#include "proxy/server/file_limit.h"
#include "proxy/server/ready_file.h"
#include "proxy/server/snapshot_builder.h"
#include "proxy/server/version.h"
#include "proxy/server/wall_time.h"

namespace flaskscale::server {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr unsigned kTicksOfSecond = 10;
// Beyond the instances' own grace, for the provider to see them gone.
constexpr Duration kInstanceEndMargin = std::chrono::seconds(5);
// For the calls that ask for their end; the machines go on ending without us.
constexpr Duration kGceGrace = std::chrono::seconds(60);
// Where they stay: for the call under way, which also writes down what was learned.
constexpr Duration kLastCallGrace = std::chrono::seconds(5);
// For the last events.
constexpr Duration kHooksAtShutdown = std::chrono::seconds(5);

unsigned workers_of(const config::Model& model) {
  return model.server.workers == 0 ? usable_cpus() : model.server.workers;
}

Result<net::OwnedFd> bind_admin(const config::AdminModel& model) {
  const auto endpoint = parse_endpoint(model.listen);
  if (!endpoint) return endpoint.error();
  const auto address = net::SocketAddress::from_endpoint(*endpoint);
  if (!address) return address.error();
  auto sockets = net::bind_listeners(*address, 1);
  if (!sockets) return std::move(sockets).error();
  return std::move(sockets->front());
}

// How long the instances of a pool may take to end.
Duration grace_of(const config::ScalingModel& scaling) {
  if (scaling.at_shutdown == config::AtShutdown::keep) return kLastCallGrace;
  switch (scaling.provider) {
    case config::ProviderKind::process:
      return scaling.process.stop_grace;
    case config::ProviderKind::docker:
      return scaling.docker.stop_grace;
    case config::ProviderKind::gce:
      return kGceGrace;
    case config::ProviderKind::exec:
      return scaling.exec.timeout;
  }
  return Duration::zero();
}

Duration longest_grace(const config::Model& model) {
  Duration longest = Duration::zero();
  for (const auto& [name, pool] : model.pools) {
    if (pool.scaling) longest = std::max(longest, grace_of(*pool.scaling));
  }
  return longest;
}

}  // namespace

Server::Server(ServerOptions options, config::Model model)
    : options_(std::move(options)),
      model_(std::move(model)),
      worker_count_(workers_of(model_)),
      pools_(loop_, group_.address_book, static_cast<uint16_t>(worker_count_), random_seed()),
      acme_(group_.acme_challenges, random_seed()),
      admin_api_(*this) {}

Server::~Server() = default;

Result<void> Server::run() {
  if (auto started = start(); !started) return started;
  loop_.run();
  spdlog::info("stopped");
  return {};
}

Result<void> Server::start() {
  started_at_ = loop_.now();
  raise_file_limit(model_);
  sticky_secret_.complete(model_);
  auto prepared = prepare(model_);
  if (!prepared) return std::move(prepared).error();
  for (unsigned i = 0; i < worker_count_; ++i) {
    group_.workers.push_back(
        std::make_unique<forward::Worker>(group_, static_cast<uint16_t>(i), random_seed()));
  }
  config::Model model = model_;
  commit(std::move(model), *std::move(prepared));
  for (const auto& worker : group_.workers) worker->start();
  watch_signals();
  timer_ = std::make_unique<net::Timer>(loop_, [this] { tick(); });
  timer_->start_every(kTick);
  announce();
  if (auto written = write_ready_file(); !written) {
    stop_workers();
    return written;
  }
  state_ = admin::ServerState::ready;
  return {};
}

Result<Server::Prepared> Server::prepare(const config::Model& model) {
  const bool is_start = generation_ == 0;
  Prepared prepared;
  if (auto fine = pools_.check(model); !fine) return fine.error();
  // What ACME has not got yet has a stand-in then.
  if (auto fine = acme_.prepare(model); !fine) return fine.error();
  auto certificates = certificates_.prepare(model);
  if (!certificates) return std::move(certificates).error();
  prepared.certificates = *std::move(certificates);
  if (is_start || !(model.access_log == model_.access_log)) {
    auto logs = AccessLogs::open(model.access_log, worker_count_);
    if (!logs) return std::move(logs).error();
    prepared.access_logs = *std::move(logs);
  }
  auto listeners = listeners_.prepare(model, worker_count_);
  if (!listeners) return std::move(listeners).error();
  prepared.listeners = *std::move(listeners);
  if (is_start || !(model.admin == model_.admin)) {
    auto admin = bind_admin(model.admin);
    if (!admin) return std::move(admin).error();
    prepared.admin = *std::move(admin);
  }
  return prepared;
}

void Server::commit(config::Model model, Prepared prepared) {
  ++generation_;
  certificates_.commit(std::move(prepared.certificates));
  acme_.commit(model);
  pools_.use_backend_tls(certificates_.backend_contexts());
  pools_.commit(model);
  if (prepared.access_logs) access_logs_ = *std::move(prepared.access_logs);
  // New listeners accept by the snapshot that knows them: it is posted before they are.
  ListenerSet::Prepared sockets = std::move(prepared.listeners);
  hand_out_snapshot(model, sockets);
  listeners_.commit(model, std::move(sockets), group_);
  if (prepared.admin) open_admin(*std::move(prepared.admin));
  model_ = std::move(model);
  reloaded_at_ = loop_.now();
  reload_error_.clear();
}

void Server::hand_out_snapshot(const config::Model& model, const ListenerSet::Prepared& sockets) {
  const auto entries = listeners_.entries_after(model, sockets, certificates_);
  const auto snapshot = build_snapshot(
      model, generation_, entries, [this](const std::string& pool) { return pools_.runtime(pool); },
      [this](const std::string& pool) { return certificates_.backend_context(pool); });
  for (size_t i = 0; i < group_.workers.size(); ++i) {
    if (state_ == admin::ServerState::starting) {
      group_.workers[i]->set_up(snapshot, access_logs_.for_worker(i));
    } else {
      group_.workers[i]->apply(snapshot, access_logs_.for_worker(i));
    }
  }
}

void Server::open_admin(net::OwnedFd socket) {
  admin_address_ = net::local_address(socket.get()).to_string();
  // The old listener may be the one whose request is being answered: it goes after this turn.
  auto old = std::make_shared<std::unique_ptr<forward::ServiceListener>>(std::move(admin_));
  loop_.post([old] { old->reset(); });
  admin_ = std::make_unique<forward::ServiceListener>(
      loop_, std::move(socket), [this](const forward::ServiceRequest& request) {
        const auto answer = admin_api_.handle(
            {request.method, request.target, request.body, request.host, request.origin});
        forward::ServiceResponse response{answer.status, answer.content_type, answer.body, {}};
        if (!answer.allow.empty()) response.extra_fields = "Allow: " + answer.allow + "\r\n";
        return response;
      });
}

void Server::announce() const {
  for (const auto& listener : listeners_.status(model_)) {
    for (const auto& address : listener.addresses) {
      spdlog::info("listener '{}' on {}", listener.name, address);
    }
  }
  spdlog::info("admin on {}", admin_address_);
  const uint64_t per_connection = 2 * forward::WorkerServices::kReadBytes;
  spdlog::info(
      "{} workers, at most {} connections, buffers of at most {} for each that is blocked; head "
      "{}, body {}",
      worker_count_, model_.server.max_connections, format_size(per_connection),
      format_size(model_.limits.header_bytes), format_size(model_.limits.body_bytes));
  for (const auto& [name, pool] : model_.pools) {
    spdlog::info(
        "pool '{}': {} slots for each backend, {} static backends, queue of {} requests or {} for "
        "at most {}",
        name, pool.slots == 0 ? std::string("unlimited") : std::to_string(pool.slots),
        pool.backends.size(), pool.queue.limit, format_size(pool.queue.bytes),
        format_duration(pool.queue.timeout));
  }
}

Result<void> Server::write_ready_file() const {
  if (options_.ready_file.empty()) return {};
  return write_ready(options_.ready_file, admin_address_, listeners_.status(model_));
}

// --- Signals
// -----------------------------------------------------------------------------------------------------

void Server::watch_signals() {
  const auto watch = [this](int number, auto method) {
    signals_.push_back(
        std::make_unique<net::SignalWatcher>(loop_, number, [this, method] { (this->*method)(); }));
  };
  watch(SIGHUP, &Server::reload);
  watch(SIGTERM, &Server::on_stop_signal);
  watch(SIGINT, &Server::on_stop_signal);
  signals_.push_back(std::make_unique<net::SignalWatcher>(loop_, SIGUSR1, [this] {
    if (auto reopened = access_logs_.reopen(); !reopened) {
      spdlog::error("the access log stays where it is: {}", reopened.error().detail);
    } else {
      spdlog::info("access log reopened");
    }
  }));
}

void Server::reload() {
  if (stopping_ != Stopping::no) return;
  auto loaded = config::load_file(options_.config_path, config::process_environment());
  if (!loaded.model) {
    for (const auto& problem : loaded.problems) spdlog::error("{}", config::to_string(problem));
    reload_failed(config::to_string(loaded.problems.front()));
    return;
  }
  sticky_secret_.complete(*loaded.model);
  const auto diff = config::compare(model_, *loaded.model);
  auto prepared = prepare(*loaded.model);
  if (!prepared) {
    reload_failed(prepared.error().detail);
    return;
  }
  commit(*std::move(loaded.model), *std::move(prepared));
  for (const auto& change : diff.changes) {
    spdlog::info("reload: {}: {} -> {}", change.key, change.before, change.after);
  }
  for (const auto& change : diff.need_restart) {
    spdlog::warn("reload: {} needs a restart to become {}", change.key, change.after);
  }
  spdlog::info("reload: generation {} is in force, {} changes", generation_, diff.changes.size());
}

void Server::reload_failed(std::string error) {
  spdlog::error("reload: refused, generation {} stays in force: {}", generation_, error);
  reloaded_at_ = loop_.now();
  reload_error_ = std::move(error);
}

void Server::on_stop_signal() {
  if (stopping_ != Stopping::no) {
    spdlog::warn("second signal: stopping at once");
    in_a_hurry_ = true;
    tick_shutdown();
    return;
  }
  spdlog::info("stopping: connections end after what they are doing, within {}",
               format_duration(model_.server.shutdown_timeout));
  state_ = admin::ServerState::draining;
  stopping_ = Stopping::draining_workers;
  stop_began_ = loop_.now();
  acme_.stop();
  pools_.begin_shutdown();
  for (const auto& worker : group_.workers) worker->begin_drain(model_.server.shutdown_timeout);
}

// --- Time
// ----------------------------------------------------------------------------------------------------------

void Server::tick() {
  // In a hurry nothing new is begun: the calls under way end, then the instances are killed.
  const bool is_ending = stopping_ == Stopping::ending_instances && !in_a_hurry_;
  if (stopping_ < Stopping::ending_instances || is_ending) pools_.tick(loop_.now());
  if (stopping_ != Stopping::no) {
    tick_shutdown();
  } else if (++ticks_ % kTicksOfSecond == 0) {
    tick_certificates();
  }
}

void Server::tick_certificates() {
  certificates_.tick(loop_.now(), std::chrono::system_clock::now());
  if (!certificates_.reload_changed(model_)) return;
  pools_.use_backend_tls(certificates_.backend_contexts());
  hand_out_snapshot(model_, {});
}

void Server::tick_shutdown() {
  const Time now = loop_.now();
  if (stopping_ == Stopping::draining_workers) {
    const bool late = now - stop_began_ >= model_.server.shutdown_timeout;
    const uint32_t left = group_.connections.load();
    if (left > 0 && !late && !in_a_hurry_) return;
    if (left > 0) spdlog::warn("{} connections are cut", left);
    stop_workers();
    stopping_ = Stopping::ending_instances;
    pools_.stop_instances(now);
    instances_deadline_ = now + longest_grace(model_) + kInstanceEndMargin;
  }
  if (stopping_ == Stopping::ending_instances) {
    const bool ended = in_a_hurry_ ? pools_.kill_instances() : pools_.instances_stopped();
    if (!ended && now < instances_deadline_) return;
    stopping_ = Stopping::delivering_events;
    pools_.finish_hooks(in_a_hurry_ ? Duration::zero() : kHooksAtShutdown);
  }
  if (stopping_ == Stopping::delivering_events) {
    if (in_a_hurry_) pools_.finish_hooks(Duration::zero());
    if (!pools_.hooks_finished()) return;
    stopping_ = Stopping::done;
    timer_.reset();
    signals_.clear();
    admin_.reset();
    loop_.stop();
  }
}

void Server::stop_workers() {
  for (const auto& worker : group_.workers) worker->stop();
  for (const auto& worker : group_.workers) worker->join();
}

// --- Admin
// ---------------------------------------------------------------------------------------------------------

admin::ServerStatus Server::status() {
  const Time now = loop_.now();
  admin::ServerStatus status;
  status.version = FLASKSCALE_VERSION;
  status.commit = FLASKSCALE_COMMIT;
  status.generation = generation_;
  status.state = state_;
  status.uptime_seconds = to_seconds(now - started_at_);
  status.started_ms = wall_milliseconds(started_at_);
  status.workers = worker_count_;
  status.max_connections = model_.server.max_connections;
  for (const auto& worker : group_.workers) worker->counters().add_to(status.traffic);
  status.access_log_dropped = access_logs_.dropped();
  status.last_reload = {reload_error_.empty(), to_seconds(now - reloaded_at_), reload_error_};
  status.listeners = listeners_.status(model_);
  status.certificates = certificates_.status();
  status.acme = acme_.status();
  status.pools = pools_.status(now);
  return status;
}

std::optional<std::vector<admin::DecisionEntry>> Server::decisions(std::string_view pool) {
  return pools_.decisions(pool);
}

Result<admin::BackendChange> Server::drain(std::string_view pool, std::string_view address) {
  spdlog::info("operator drains {} of pool '{}'", address, pool);
  return pools_.drain(pool, address);
}

Result<admin::BackendChange> Server::undrain(std::string_view pool, std::string_view address) {
  spdlog::info("operator takes {} of pool '{}' back", address, pool);
  return pools_.undrain(pool, address);
}

}  // namespace flaskscale::server
