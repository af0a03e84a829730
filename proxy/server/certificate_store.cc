#include "proxy/server/certificate_store.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "proxy/server/certificate_files.h"

namespace flaskscale::server {
namespace {

net::TlsServerSettings settings_of(const config::ListenerModel& listener) {
  using config::ClientCertificateUse;
  net::TlsServerSettings settings;
  settings.min_version = listener.tls.min_version == config::TlsMinVersion::tls13
                             ? net::TlsVersion::tls13
                             : net::TlsVersion::tls12;
  settings.strict_sni = listener.tls.strict_sni;
  settings.http2 = listener.http2;
  settings.client_ca_path = listener.tls.client_ca;
  if (!listener.tls.client_ca.empty()) {
    const bool required = listener.tls.client_certificate == ClientCertificateUse::required;
    settings.client_certificate =
        required ? net::ClientCertificate::required : net::ClientCertificate::optional;
  }
  return settings;
}

int64_t days_until(CertificateStore::WallTime end, CertificateStore::WallTime now) {
  return std::chrono::duration_cast<std::chrono::hours>(end - now).count() / 24;
}

}  // namespace

CertificateStore::CertificateStore()
    : own_ring_(std::make_shared<net::TicketKeyRing>(
          std::vector<net::TicketKey>{net::make_ticket_key()})) {}

CertificateStore::Mark CertificateStore::mark_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_size,
          static_cast<int64_t>(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Result<CertificateStore::Ring> CertificateStore::ring_for(const std::string& path,
                                                          Prepared& into) const {
  if (path.empty()) return own_ring_;
  if (const auto made = into.rings.find(path); made != into.rings.end()) return made->second;
  auto text = read_small_file(path);
  if (!text) return std::move(text).error();
  auto keys = net::parse_ticket_keys(*text);
  if (!keys) return make_error(keys.error().code, path + ": " + keys.error().detail);
  const auto known = rings_.find(path);
  Ring ring = known != rings_.end() ? known->second : std::make_shared<net::TicketKeyRing>(*keys);
  into.rings[path] = ring;
  into.ticket_keys[path] = *std::move(keys);
  return ring;
}

Result<CertificateStore::Listener> CertificateStore::load(const config::Model& model,
                                                          const config::ListenerModel& listener,
                                                          Prepared& into) const {
  Listener loaded;
  const auto read = [&](const std::string& path, std::string& text) -> Result<void> {
    if (path.empty()) return {};
    loaded.files[path] = mark_of(path);
    auto contents = read_small_file(path);
    if (!contents) return std::move(contents).error();
    text = *std::move(contents);
    return {};
  };
  net::TlsServerSettings settings = settings_of(listener);
  for (const auto& certificate : listener.certificates) {
    net::TlsCertificateFiles files;
    std::tie(files.cert_path, files.key_path) = certificate_paths(model, certificate);
    files.ocsp_path = certificate.ocsp;
    if (auto done = read(files.cert_path, files.cert_pem); !done) return done.error();
    if (auto done = read(files.key_path, files.key_pem); !done) return done.error();
    if (auto done = read(files.ocsp_path, files.ocsp_der); !done) return done.error();
    settings.certificates.push_back(std::move(files));
  }
  if (auto done = read(settings.client_ca_path, settings.client_ca_pem); !done) {
    return done.error();
  }
  // Sessions hold the client's certificate: they are good where it would be taken again.
  settings.session_context = "flaskscale " + settings.client_ca_pem;
  if (!listener.tls.ticket_keys.empty()) {
    loaded.files[listener.tls.ticket_keys] = mark_of(listener.tls.ticket_keys);
  }
  auto ring = ring_for(listener.tls.ticket_keys, into);
  if (!ring) return std::move(ring).error();
  settings.tickets = *std::move(ring);
  auto context = net::TlsContext::create(settings);
  if (!context) return std::move(context).error();
  loaded.context = *std::move(context);
  return loaded;
}

Result<std::shared_ptr<CertificateStore::Prepared>> CertificateStore::prepare(
    const config::Model& model) const {
  auto prepared = std::make_shared<Prepared>();
  for (const auto& listener : model.listeners) {
    if (listener.certificates.empty()) continue;
    auto loaded = load(model, listener, *prepared);
    if (!loaded) {
      return make_error(loaded.error().code,
                        "listener '" + listener.name + "': " + loaded.error().detail);
    }
    prepared->listeners[listener.name] = *std::move(loaded);
  }
  if (auto backends = prepare_backends(model, *prepared); !backends) return backends.error();
  return prepared;
}

Result<CertificateStore::Backend> CertificateStore::load_backend(
    const config::BackendTlsModel& tls) {
  Backend loaded;
  loaded.model = tls;
  net::TlsClientSettings settings;
  settings.verify = tls.verify;
  settings.server_name = tls.server_name;
  settings.ca_path = tls.ca;
  settings.identity.cert_path = tls.cert;
  settings.identity.key_path = tls.key;
  const std::pair<const std::string&, std::string&> wanted[] = {
      {tls.ca, settings.ca_pem},
      {tls.cert, settings.identity.cert_pem},
      {tls.key, settings.identity.key_pem}};
  for (const auto& [path, text] : wanted) {
    if (path.empty()) continue;
    loaded.files[path] = mark_of(path);
    auto contents = read_small_file(path);
    if (!contents) return std::move(contents).error();
    text = *std::move(contents);
  }
  auto context = net::TlsClientContext::create(settings);
  if (!context) return std::move(context).error();
  loaded.context = *std::move(context);
  return loaded;
}

// What has not changed stays, with its sessions and its connections.
Result<void> CertificateStore::prepare_backends(const config::Model& model, Prepared& into) const {
  for (const auto& [name, pool] : model.pools) {
    if (!pool.tls) continue;
    if (const auto known = backends_.find(name); known != backends_.end()) {
      auto files = known->second.files;
      if (known->second.model == *pool.tls && !have_changed(files)) {
        into.backends[name] = known->second;
        continue;
      }
    }
    auto loaded = load_backend(*pool.tls);
    if (!loaded) {
      return make_error(loaded.error().code, "pool '" + name + "': " + loaded.error().detail);
    }
    into.backends[name] = *std::move(loaded);
  }
  return {};
}

CertificateStore::BackendContext CertificateStore::backend_context(const std::string& pool) const {
  const auto found = backends_.find(pool);
  return found == backends_.end() ? nullptr : found->second.context;
}

std::map<std::string, CertificateStore::BackendContext> CertificateStore::backend_contexts() const {
  std::map<std::string, BackendContext> contexts;
  for (const auto& [pool, backend] : backends_) contexts[pool] = backend.context;
  return contexts;
}

void CertificateStore::commit(std::shared_ptr<Prepared> prepared) {
  for (auto& [path, keys] : prepared->ticket_keys) prepared->rings[path]->replace(std::move(keys));
  listeners_ = std::move(prepared->listeners);
  backends_ = std::move(prepared->backends);
  rings_ = std::move(prepared->rings);
  warned_at_.reset();
  for (const auto& [name, listener] : listeners_) log_loaded(name, listener);
}

void CertificateStore::log_loaded(const std::string& name, const Listener& listener) {
  for (const auto& certificate : listener.context->certificates()) {
    std::string names;
    for (const auto& one : certificate.info().names) names += (names.empty() ? "" : " ") + one;
    spdlog::info("listener '{}': certificate {} for {}, {} days left", name,
                 certificate.info().path, names.empty() ? "no name" : names,
                 days_until(certificate.info().not_after, std::chrono::system_clock::now()));
  }
}

std::vector<std::string> CertificateStore::problems(const config::Model& model) {
  const CertificateStore store;
  std::vector<std::string> found;
  Prepared unused;
  for (auto listener : model.listeners) {
    // What ACME has yet to get is no problem of the file.
    std::erase_if(listener.certificates, [&](const config::CertificateModel& certificate) {
      return !certificate.acme.empty() &&
             mark_of(certificate_paths(model, certificate).first) == Mark();
    });
    if (listener.certificates.empty()) continue;
    const auto loaded = store.load(model, listener, unused);
    if (!loaded) found.push_back("listener '" + listener.name + "': " + loaded.error().detail);
  }
  for (const auto& [name, pool] : model.pools) {
    if (!pool.tls) continue;
    const auto loaded = load_backend(*pool.tls);
    if (!loaded) found.push_back("pool '" + name + "': " + loaded.error().detail);
  }
  return found;
}

CertificateStore::Context CertificateStore::context(const std::string& listener) const {
  const auto found = listeners_.find(listener);
  return found == listeners_.end() ? nullptr : found->second.context;
}

// Each change is told once.
bool CertificateStore::have_changed(std::map<std::string, Mark>& files) {
  bool changed = false;
  for (auto& [path, mark] : files) {
    const Mark now = mark_of(path);
    changed = changed || now != mark;
    mark = now;
  }
  return changed;
}

bool CertificateStore::reload_backends() {
  bool any = false;
  for (auto& [name, backend] : backends_) {
    if (!have_changed(backend.files)) continue;
    auto loaded = load_backend(backend.model);
    if (!loaded) {
      spdlog::error("pool '{}': the old certificates stay: {}", name, loaded.error().detail);
      continue;
    }
    backend = *std::move(loaded);
    any = true;
  }
  return any;
}

bool CertificateStore::reload_changed(const config::Model& model) {
  bool any = reload_backends();
  for (const auto& listener : model.listeners) {
    const auto found = listeners_.find(listener.name);
    if (found == listeners_.end()) continue;
    if (!have_changed(found->second.files)) continue;
    Prepared fresh;
    auto loaded = load(model, listener, fresh);
    if (!loaded) {
      spdlog::error("listener '{}': the old certificates stay: {}", listener.name,
                    loaded.error().detail);
      continue;
    }
    for (auto& [path, keys] : fresh.ticket_keys) fresh.rings[path]->replace(std::move(keys));
    found->second = *std::move(loaded);
    log_loaded(listener.name, found->second);
    warned_at_.reset();
    any = true;
  }
  return any;
}

void CertificateStore::tick(Time now, WallTime wall_now) {
  if (!rotated_at_) rotated_at_ = now;
  if (now - *rotated_at_ >= kTicketKeyLife) {
    own_ring_->rotate(net::make_ticket_key());
    rotated_at_ = now;
  }
  if (warned_at_ && wall_now - *warned_at_ < std::chrono::hours(24)) return;
  warned_at_ = wall_now;
  for (const auto& [name, listener] : listeners_) {
    for (const auto& certificate : listener.context->certificates()) {
      const auto& info = certificate.info();
      if (info.not_after <= wall_now) {
        spdlog::error("listener '{}': certificate {} has ended", name, info.path);
      } else if (info.not_after - wall_now < kWarnBefore) {
        spdlog::warn("listener '{}': certificate {} ends in {} days", name, info.path,
                     days_until(info.not_after, wall_now));
      }
    }
  }
}

std::vector<admin::CertificateStatus> CertificateStore::status() const {
  std::vector<admin::CertificateStatus> all;
  for (const auto& [name, listener] : listeners_) {
    for (const auto& certificate : listener.context->certificates()) {
      const auto& info = certificate.info();
      all.push_back(
          {name, info.path, info.names,
           std::chrono::duration_cast<std::chrono::seconds>(info.not_after.time_since_epoch())
               .count()});
    }
  }
  return all;
}

}  // namespace flaskscale::server
