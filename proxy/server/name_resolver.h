// Keeps the addresses of backends that are given by name up to date.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/time.h"
#include "proxy/forward/address_book.h"
#include "proxy/net/event_loop.h"

namespace flaskscale::server {

// Control loop only. The system's resolver tells no TTL, so names are asked again every 30 s, and
// every 2 s while they do not resolve. A name that stops resolving keeps its last addresses.
class NameResolver {
 public:
  NameResolver(net::EventLoop& loop, forward::AddressBook& book) : loop_(loop), book_(book) {}

  // Numeric addresses need nothing and are ignored.
  void watch(const std::string& address);
  void forget(const std::string& address);
  // Once a second.
  void tick(Time now);

 private:
  struct Name {
    Time next{};
    bool under_way = false;
    bool complained = false;
    unsigned users = 0;
  };
  void ask(const std::string& address, Time now);

  net::EventLoop& loop_;
  forward::AddressBook& book_;
  std::map<std::string, Name> names_;
  // Answers that come after this object has gone find it expired.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace flaskscale::server
