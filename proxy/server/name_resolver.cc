#include "proxy/server/name_resolver.h"

#include <memory>
#include <utility>

#include "base/endpoint.h"
#include "base/log.h"
#include "proxy/net/background.h"

namespace flaskscale::server {
namespace {

constexpr Duration kAgain = std::chrono::seconds(30);
constexpr Duration kAgainAfterFailure = std::chrono::seconds(2);

}  // namespace

void NameResolver::watch(const std::string& address) {
  const auto endpoint = parse_endpoint(address);
  if (!endpoint || net::SocketAddress::from_endpoint(*endpoint)) return;
  Name& name = names_[address];
  if (++name.users == 1) ask(address, loop_.now());
}

void NameResolver::forget(const std::string& address) {
  const auto found = names_.find(address);
  if (found == names_.end() || --found->second.users > 0) return;
  names_.erase(found);
  book_.forget(address);
}

void NameResolver::tick(Time now) {
  for (auto& [address, name] : names_) {
    if (!name.under_way && now >= name.next) ask(address, now);
  }
}

void NameResolver::ask(const std::string& address, Time now) {
  Name& name = names_[address];
  name.under_way = true;
  name.next = now + kAgain;
  auto found = std::make_shared<Result<std::vector<net::SocketAddress>>>(
      make_error(ErrorCode::internal, "not asked"));
  const Endpoint endpoint = *parse_endpoint(address);
  net::run_in_background(
      loop_, [endpoint, found] { *found = net::resolve(endpoint); },
      [this, alive = std::weak_ptr<int>(alive_), address, found] {
        if (alive.expired()) return;
        const auto entry = names_.find(address);
        if (entry == names_.end()) return;
        entry->second.under_way = false;
        if (*found) {
          entry->second.complained = false;
          book_.learn(address, **found);
          return;
        }
        entry->second.next = loop_.now() + kAgainAfterFailure;
        if (!std::exchange(entry->second.complained, true)) {
          spdlog::warn("{}", found->error().detail);
        }
      });
}

}  // namespace flaskscale::server
