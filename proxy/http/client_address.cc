#include "proxy/http/client_address.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "proxy/http/char_class.h"
#include "proxy/http/field_name.h"

namespace flaskscale::http {
namespace {

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80".
std::optional<IpAddress> read_node(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    text = text.substr(1, close - 1);
  } else if (const size_t colon = text.find(':');
             colon != std::string_view::npos && colon == text.rfind(':')) {
    text = text.substr(0, colon);
  }
  const auto address = IpAddress::parse(text);
  if (!address) return std::nullopt;
  return *address;
}

// The node of "for=…" in one element of Forwarded (RFC 7239).
std::string_view node_of(std::string_view element) {
  while (!element.empty()) {
    const size_t semicolon = element.find(';');
    const std::string_view pair = trim(element.substr(0, semicolon));
    element.remove_prefix(semicolon == std::string_view::npos ? element.size() : semicolon + 1);
    constexpr std::string_view kFor = "for=";
    if (pair.size() < kFor.size() || !equals_lower(pair.substr(0, kFor.size()), kFor)) continue;
    std::string_view node = pair.substr(kFor.size());
    if (node.size() >= 2 && node.starts_with('"') && node.ends_with('"')) {
      node = node.substr(1, node.size() - 2);
    }
    return node;
  }
  return {};
}

// Walks from proxy to proxy towards the client.
class Walk {
 public:
  Walk(const IpAddress& peer, std::span<const IpNetwork> trusted)
      : client_(peer), trusted_(trusted) {}

  const IpAddress& client() const { return client_; }

  // False once the client is found.
  bool step(std::string_view node) {
    const auto address = read_node(node);
    if (!address) return false;
    client_ = *address;
    return std::any_of(trusted_.begin(), trusted_.end(),
                       [&](const IpNetwork& network) { return network.contains(client_); });
  }

 private:
  IpAddress client_;
  std::span<const IpNetwork> trusted_;
};

// The elements of all fields of that name, the last first. The values may hold quoted texts, in
// which no proxy writes commas (addresses have none); one that does ends the walk.
template <typename Node>
void walk_back(const std::vector<Field>& fields, KnownField which, Walk& walk, Node node) {
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    if (known_field(field->name) != which) continue;
    std::string_view list = field->value;
    while (!list.empty()) {
      const size_t comma = list.rfind(',');
      const std::string_view element =
          trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
      list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
      if (!element.empty() && !walk.step(node(element))) return;
    }
  }
}

}  // namespace

IpAddress forwarded_client(const std::vector<Field>& fields, const IpAddress& peer,
                           std::span<const IpNetwork> trusted) {
  Walk walk(peer, trusted);
  const bool has_list = std::any_of(fields.begin(), fields.end(), [](const Field& field) {
    return known_field(field.name) == KnownField::x_forwarded_for;
  });
  if (has_list) {
    walk_back(fields, KnownField::x_forwarded_for, walk,
              [](std::string_view text) { return text; });
  } else {
    walk_back(fields, KnownField::forwarded, walk, node_of);
  }
  return walk.client();
}

}  // namespace flaskscale::http
