#include "proxy/forward/address_book.h"

#include "base/endpoint.h"

namespace flaskscale::forward {

Result<net::SocketAddress> AddressBook::find(const std::string& address) const {
  if (is_unix_address(address)) return net::SocketAddress::from_text(address);
  const auto endpoint = parse_endpoint(address);
  if (!endpoint) return endpoint.error();
  auto numeric = net::SocketAddress::from_endpoint(*endpoint);
  if (numeric) return numeric;
  const std::lock_guard lock(mutex_);
  const auto known = names_.find(address);
  if (known == names_.end() || known->second.empty()) {
    return make_error(ErrorCode::resolve_failed, "'" + endpoint->host + "' has not been resolved");
  }
  return known->second[turn_++ % known->second.size()];
}

void AddressBook::learn(const std::string& address, std::vector<net::SocketAddress> found) {
  const std::lock_guard lock(mutex_);
  names_[address] = std::move(found);
}

void AddressBook::forget(const std::string& address) {
  const std::lock_guard lock(mutex_);
  names_.erase(address);
}

}  // namespace flaskscale::forward
