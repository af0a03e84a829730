#include "proxy/server/listener_set.h"

#include <set>
#include <utility>

#include "base/check.h"
#include "base/endpoint.h"
#include "proxy/server/snapshot_builder.h"

namespace flaskscale::server {

namespace {

// An address is the same socket whatever its listener is called; port 0 is another one for each
// listener.
std::string key_of(const config::ListenerModel& listener, const std::string& address) {
  return address.ends_with(":0") ? listener.name + "/" + address : address;
}

}  // namespace

Result<ListenerSet::Prepared> ListenerSet::prepare(const config::Model& model,
                                                   unsigned workers) const {
  Prepared prepared;
  for (const auto& listener : model.listeners) {
    for (const auto& text : listener.listen) {
      const std::string key = key_of(listener, text);
      if (open_.contains(key)) continue;
      const auto address = net::SocketAddress::from_text(text);
      if (!address) return address.error();
      auto sockets = address->is_unix()
                         ? net::bind_unix_listeners(*address, workers, listener.unix_mode)
                         : net::bind_listeners(*address, workers);
      if (!sockets) return std::move(sockets).error();
      prepared.added[key] = *std::move(sockets);
      if (address->is_unix()) prepared.files[key] = net::SocketFile(address->unix_path());
    }
  }
  return prepared;
}

uint32_t ListenerSet::ordinal_of(const std::string& key) {
  const auto [entry, is_new] = ordinals_.emplace(key, static_cast<uint32_t>(entries_.size()));
  if (is_new) entries_.emplace_back();
  return entry->second;
}

std::vector<forward::ListenerEntry> ListenerSet::entries_after(
    const config::Model& model, const Prepared& prepared, const CertificateStore& certificates) {
  for (const auto& listener : model.listeners) {
    forward::ListenerEntry entry = listener_entry(listener);
    entry.tls = certificates.context(listener.name);
    if (listener.redirect_to_https) {
      const bool is_told = listener.redirect_port != 0;
      entry.redirect_to_https = is_told ? listener.redirect_port : https_port(model, prepared);
    }
    for (const auto& address : listener.listen) {
      entries_[ordinal_of(key_of(listener, address))] = entry;
    }
  }
  return entries_;
}

// 443 if a listener has it; else the first that there is.
uint16_t ListenerSet::https_port(const config::Model& model, const Prepared& prepared) const {
  constexpr uint16_t kHttps = 443;
  std::optional<uint16_t> first;
  for (const auto& listener : model.listeners) {
    if (listener.certificates.empty()) continue;
    for (const auto& text : listener.listen) {
      const auto endpoint = parse_endpoint(text);
      if (!endpoint) continue;
      if (endpoint->port == kHttps) return kHttps;
      if (first) continue;
      const std::string key = key_of(listener, text);
      const auto added = prepared.added.find(key);
      const auto open = open_.find(key);
      if (endpoint->port != 0) {
        first = endpoint->port;
      } else if (added != prepared.added.end()) {
        first = net::local_address(added->second.front().get()).port();
      } else if (open != open_.end()) {
        const auto bound = parse_endpoint(open->second.bound);
        if (bound) first = bound->port;
      }
    }
  }
  return first.value_or(kHttps);
}

void ListenerSet::commit(const config::Model& model, Prepared prepared,
                         forward::WorkerGroup& group) {
  std::set<std::string> wanted;
  for (const auto& listener : model.listeners) {
    for (const auto& address : listener.listen) {
      const std::string key = key_of(listener, address);
      wanted.insert(key);
      const uint32_t ordinal = ordinal_of(key);
      const auto added = prepared.added.find(key);
      const auto open = open_.find(key);
      if (open != open_.end()) open->second.file.set_mode(listener.unix_mode);
      if (added == prepared.added.end()) continue;
      auto& sockets = added->second;
      FS_CHECK(sockets.size() == group.workers.size());
      open_[key] = {ordinal, net::local_address(sockets.front().get()).to_string(),
                    std::move(prepared.files[key])};
      for (size_t i = 0; i < sockets.size(); ++i) {
        group.workers[i]->add_listener(ordinal, ordinal, std::move(sockets[i]));
      }
    }
  }
  std::erase_if(open_, [&](const auto& entry) {
    if (wanted.contains(entry.first)) return false;
    for (const auto& worker : group.workers) worker->remove_listener(entry.second.ordinal);
    return true;
  });
}

std::vector<admin::ListenerStatus> ListenerSet::status(const config::Model& model) const {
  std::vector<admin::ListenerStatus> result;
  for (const auto& listener : model.listeners) {
    admin::ListenerStatus status{listener.name, {}};
    for (const auto& address : listener.listen) {
      const auto open = open_.find(key_of(listener, address));
      if (open != open_.end()) status.addresses.push_back(open->second.bound);
    }
    result.push_back(std::move(status));
  }
  return result;
}

}  // namespace flaskscale::server
