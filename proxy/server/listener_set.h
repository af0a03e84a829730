// The addresses that clients connect to: bound before a configuration is accepted, kept across
// reloads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/admin/status_model.h"
#include "proxy/config/model.h"
#include "proxy/forward/worker.h"
#include "proxy/net/listen_socket.h"
#include "proxy/server/certificate_store.h"

namespace flaskscale::server {

// Control loop only.
class ListenerSet {
 public:
  // Sockets bound for a configuration that is not in force yet; dropped, they are closed again.
  struct Prepared {
    std::map<std::string, std::vector<net::OwnedFd>>
        added;  // by key: the configured address, with the listener's name when its port is 0
    std::map<std::string, net::SocketFile> files;  // of the Unix sockets among them
  };

  // Binds what the configuration has and this set does not.
  Result<Prepared> prepare(const config::Model& model, unsigned workers) const;

  // Brings the set to the configuration: gives new sockets to the workers, takes away what is gone.
  // Can't fail.
  void commit(const config::Model& model, Prepared prepared, forward::WorkerGroup& group);

  // For the snapshot, by ordinal, which an address gets here and keeps for the life of the program.
  // Before commit().
  std::vector<forward::ListenerEntry> entries_after(const config::Model& model,
                                                    const Prepared& prepared,
                                                    const CertificateStore& certificates);

  // By listener name, with the real ports.
  std::vector<admin::ListenerStatus> status(const config::Model& model) const;

 private:
  struct Open {
    uint32_t ordinal = 0;
    std::string bound;     // with the real port
    net::SocketFile file;  // of a Unix socket
  };
  uint32_t ordinal_of(const std::string& key);
  // Where a client that asked in cleartext is sent.
  uint16_t https_port(const config::Model& model, const Prepared& prepared) const;

  std::map<std::string, Open>
      open_;  // by key: the configured address, with the listener's name when its port is 0
  std::map<std::string, uint32_t> ordinals_;  // of every address ever listened on
  std::vector<forward::ListenerEntry> entries_;
};

}  // namespace flaskscale::server
