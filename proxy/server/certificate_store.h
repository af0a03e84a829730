// The certificates and ticket keys of all TLS listeners: loaded from files, and again when these
// change.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "proxy/admin/status_model.h"
#include "proxy/config/model.h"
#include "proxy/net/tls_client_context.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/tls_ticket_keys.h"

namespace flaskscale::server {

// Control loop only. Reads small local files where it is called.
class CertificateStore {
 public:
  using WallTime = std::chrono::system_clock::time_point;
  using Context = std::shared_ptr<const net::TlsContext>;

  static constexpr Duration kTicketKeyLife = std::chrono::hours(8);
  static constexpr auto kWarnBefore = std::chrono::hours(30 * 24);

  CertificateStore();

  // Loaded and checked, not in force yet.
  struct Prepared;
  // The error names the listener, the file and what is wrong with it.
  Result<std::shared_ptr<Prepared>> prepare(const config::Model& model) const;
  // Brings it into force for whoever asks for contexts from now on.
  void commit(std::shared_ptr<Prepared> prepared);

  // All that is wrong with the files of a model, one line each.
  static std::vector<std::string> problems(const config::Model& model);

  // Of a listener by name; null: it speaks no TLS.
  Context context(const std::string& listener) const;

  // How to speak with the backends of a pool; null: in cleartext.
  using BackendContext = std::shared_ptr<const net::TlsClientContext>;
  BackendContext backend_context(const std::string& pool) const;
  std::map<std::string, BackendContext> backend_contexts() const;

  // Looks whether files have changed since they were last loaded; what can't be loaded stays as it
  // is, and the log says why. True: some contexts are new.
  bool reload_changed(const config::Model& model);

  // Warns of certificates that end soon, once a day; changes the ticket keys. Call it each second
  // or so.
  void tick(Time now, WallTime wall_now);

  std::vector<admin::CertificateStatus> status() const;

 private:
  // What tells a file from the one that was loaded.
  struct Mark {
    uint64_t inode = 0;
    int64_t size = -1;  // -1: not there
    int64_t changed_ns = 0;
    bool operator==(const Mark&) const = default;
  };
  struct Listener {
    Context context;
    std::map<std::string, Mark> files;  // as they were before they were read
  };
  struct Backend {
    BackendContext context;
    config::BackendTlsModel model;
    std::map<std::string, Mark> files;
  };
  using Ring = std::shared_ptr<net::TicketKeyRing>;

  static Mark mark_of(const std::string& path);
  Result<Listener> load(const config::Model& model, const config::ListenerModel& listener,
                        Prepared& into) const;
  static Result<Backend> load_backend(const config::BackendTlsModel& tls);
  Result<void> prepare_backends(const config::Model& model, Prepared& into) const;
  bool reload_backends();
  static bool have_changed(std::map<std::string, Mark>& files);
  Result<Ring> ring_for(const std::string& path, Prepared& into) const;
  static void log_loaded(const std::string& name, const Listener& listener);

  Ring own_ring_;                      // of listeners without a key file
  std::map<std::string, Ring> rings_;  // by key file
  std::map<std::string, Listener> listeners_;
  std::map<std::string, Backend> backends_;  // by pool
  std::optional<Time> rotated_at_;
  std::optional<WallTime> warned_at_;
};

struct CertificateStore::Prepared {
  std::map<std::string, Listener> listeners;
  std::map<std::string, Backend> backends;
  std::map<std::string, Ring> rings;
  std::map<std::string, std::vector<net::TicketKey>> ticket_keys;  // by key file
};

}  // namespace flaskscale::server
