#include <charconv>
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

// The text, unless somebody has it already; port 0 is another free one each time.
std::optional<std::string> take_address(const Node& value, const std::string& path,
                                        const std::string& text, TakenAddresses& taken,
                                        ProblemList& problems) {
  const auto [entry, inserted] = taken.emplace(text, path);
  if (inserted) return text;
  problems.add(value.source, path + ": \"" + text + "\" is already taken by " + entry->second);
  return std::nullopt;
}

std::optional<std::string> read_unix_address(const Node& value, const std::string& path,
                                             TakenAddresses& taken, ProblemList& problems) {
  const Result<std::string> socket = parse_unix_address(value.text);
  if (socket) return take_address(value, path, value.text, taken, problems);
  problems.add(value.source, path + ": " + socket.error().detail);
  return std::nullopt;
}

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
  return take_address(value, path, text, taken, problems);
}

// Permissions as chmod takes them.
void read_unix_mode(TableReader& table, uint32_t& mode) {
  const Node* text = table.text("unix_mode");
  if (text == nullptr) return;
  uint32_t value = 0;
  const char* const end = text->text.data() + text->text.size();
  const auto [parsed, error] = std::from_chars(text->text.data(), end, value, 8);
  if (text->text.empty() || error != std::errc() || parsed != end || value > 0777) {
    table.problems().add(text->source, table.path_of("unix_mode") + " must be octal permissions",
                         "such as \"0660\"");
    return;
  }
  mode = value;
}

void read_trusted_proxies(TableReader& table, ListenerModel& listener) {
  for (const Node* item : table.texts("trusted_proxies")) {
    if (item->text == "unix") {
      listener.trusted_proxies.push_back(item->text);
      continue;
    }
    const Result<IpNetwork> network = IpNetwork::parse(item->text);
    if (network) {
      listener.trusted_proxies.push_back(item->text);
    } else {
      table.problems().add(item->source,
                           table.path_of("trusted_proxies") + ": " + network.error().detail);
    }
  }
}

void read_listener(TableReader table, const ReadContext& context, ListenerModel& listener,
                   TakenAddresses& taken) {
  for (const Node* item : table.required_texts("listen", kListenHint)) {
    auto address = is_unix_address(item->text)
                       ? read_unix_address(*item, table.path_of("listen"), taken, table.problems())
                       : read_address(*item, table.path_of("listen"), taken, table.problems());
    if (address) listener.listen.push_back(std::move(*address));
  }
  read_unix_mode(table, listener.unix_mode);
  read_trusted_proxies(table, listener);
  table.read_boolean("proxy_protocol", listener.proxy_protocol);
  if (listener.proxy_protocol && listener.trusted_proxies.empty()) {
    table.problems().add(
        table.node().find("proxy_protocol")->source,
        table.path_of("proxy_protocol") + " needs trusted_proxies: who else would be believed?");
  }
  read_listener_tls(table, context, listener);
  table.reject_unknown_keys();
}

}  // namespace

void read_listeners(TableReader& root, const ReadContext& context, Model& model) {
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
    read_listener(std::move(*table), context, listener, taken);
    model.listeners.push_back(std::move(listener));
  }
}

}  // namespace flaskscale::config
