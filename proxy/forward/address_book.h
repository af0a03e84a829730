// Where backends are: numeric addresses at once, names as the resolver last answered.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/net/socket_address.h"

namespace flaskscale::forward {

// Any thread. Asked for each new backend connection, not for each request.
class AddressBook {
 public:
  // `address` is "host:port" or "unix:/path". A name that has never been resolved is an error.
  Result<net::SocketAddress> find(const std::string& address) const;

  // The resolver's answer for a name: replaces what was known.
  void learn(const std::string& address, std::vector<net::SocketAddress> found);
  void forget(const std::string& address);

 private:
  mutable std::mutex mutex_;
  mutable size_t turn_ = 0;  // Guarded by mutex_: spreads connections over a name's addresses.
  std::map<std::string, std::vector<net::SocketAddress>> names_;  // Guarded by mutex_.
};

}  // namespace flaskscale::forward
