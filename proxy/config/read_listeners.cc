#include <map>

#include "base/endpoint.h"
#include "base/ip_address.h"
#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

// The addresses seen so far and the key that has them, so that none is listened on twice.
using TakenAddresses = std::map<std::string, std::string>;

constexpr std::string_view kListenHint =
    "an IP address and a port, such as \"0.0.0.0:80\" or \"[::]:80\"";

// The address in its shortest form; none, and a problem, if one cannot listen on it.
std::optional<std::string> read_address(const Node& value, const std::string& path,
                                        TakenAddresses& taken, ProblemList& problems) {
  const Result<Endpoint> endpoint = parse_endpoint(value.text);
  if (!endpoint) {
    problems.add(value.source, path + ": " + endpoint.error().detail, std::string(kListenHint));
    return std::nullopt;
  }
  const Result<IpAddress> address = IpAddress::parse(endpoint->host);
  if (!address) {
    problems.add(value.source,
                 path + ": \"" + value.text + "\" has a name where an address must be",
                 std::string(kListenHint));
    return std::nullopt;
  }
  const std::string text = to_string(Endpoint{to_string(*address), endpoint->port});
  if (endpoint->port == 0) return text;  // another free port each time
  const auto [entry, inserted] = taken.emplace(text, path);
  if (inserted) return text;
  problems.add(value.source, path + ": \"" + text + "\" is already taken by " + entry->second);
  return std::nullopt;
}

void read_trusted_proxies(TableReader& table, ListenerModel& listener) {
  for (const Node* item : table.texts("trusted_proxies")) {
    const Result<IpNetwork> network = IpNetwork::parse(item->text);
    if (network) {
      listener.trusted_proxies.push_back(item->text);
    } else {
      table.problems().add(item->source,
                           table.path_of("trusted_proxies") + ": " + network.error().detail);
    }
  }
}

void read_listener(TableReader table, ListenerModel& listener, TakenAddresses& taken) {
  for (const Node* item : table.required_texts("listen", kListenHint)) {
    auto address = read_address(*item, table.path_of("listen"), taken, table.problems());
    if (address) listener.listen.push_back(std::move(*address));
  }
  read_trusted_proxies(table, listener);
  for (const std::string_view key :
       {"redirect_to_https", "proxy_protocol", "http2", "certificates", "tls"}) {
    table.not_built_yet(key);
  }
  table.reject_unknown_keys();
}

}  // namespace

void read_listeners(TableReader& root, Model& model) {
  TakenAddresses taken;
  if (auto admin = root.reader("admin")) {
    if (const Node* listen = admin->text("listen")) {
      auto address = read_address(*listen, "admin.listen", taken, root.problems());
      if (address) model.admin.listen = std::move(*address);
    }
    admin->reject_unknown_keys();
  }
  taken.emplace(model.admin.listen, "admin.listen");

  const bool missing = root.node().find("listeners") == nullptr;
  auto listeners = root.reader("listeners");
  if (missing || (listeners && listeners->node().entries.empty())) {
    root.problems().add(missing ? Source{1, 1} : listeners->node().source, "no listener",
                        "add [listeners.web] with listen = [\"0.0.0.0:80\"]");
  }
  if (!listeners) return;
  for (const Entry& entry : listeners->node().entries) {
    if (!is_valid_name(entry.key)) {
      root.problems().add(
          entry.source, "listener name \"" + entry.key + "\" must be 1 to 63 of a-z, 0-9, _ and -");
    }
    auto table = listeners->reader(entry.key);
    if (!table) continue;
    ListenerModel listener;
    listener.name = entry.key;
    read_listener(std::move(*table), listener, taken);
    model.listeners.push_back(std::move(listener));
  }
}

}  // namespace flaskscale::config
