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
      const auto endpoint = parse_endpoint(text);
      if (!endpoint) return endpoint.error();
      const auto address = net::SocketAddress::from_endpoint(*endpoint);
      if (!address) return address.error();
      auto sockets = net::bind_listeners(*address, workers);
      if (!sockets) return std::move(sockets).error();
      prepared.added[key] = *std::move(sockets);
    }
  }
  return prepared;
}

uint32_t ListenerSet::ordinal_of(const std::string& key) {
  const auto [entry, is_new] = ordinals_.emplace(key, static_cast<uint32_t>(entries_.size()));
  if (is_new) entries_.emplace_back();
  return entry->second;
}

std::vector<forward::ListenerEntry> ListenerSet::entries_after(const config::Model& model) {
  for (const auto& listener : model.listeners) {
    for (const auto& address : listener.listen) {
      entries_[ordinal_of(key_of(listener, address))] = {listener.name, trusted_networks(listener)};
    }
  }
  return entries_;
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
      if (added == prepared.added.end()) continue;
      auto& sockets = added->second;
      FS_CHECK(sockets.size() == group.workers.size());
      open_[key] = {ordinal, net::local_address(sockets.front().get()).to_string()};
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
