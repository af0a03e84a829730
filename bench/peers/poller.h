// What the benchmark's two small servers share: epoll, a loopback listener, unsent bytes.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace flaskscale::bench {

// Ends the program with the name of the call that failed and its error.
[[noreturn]] void die(const char* call);

// A non-blocking listener on 127.0.0.1; port 0 takes a free one. Prints the port on standard
// output.
int listen_on_loopback(uint16_t port);

// The next waiting connection, non-blocking and without delay of small segments; -1: none waits.
int accept_connection(int listener);

// Adds or changes what epoll reports about a descriptor; `key` comes back in the event.
void watch(int epoll, int operation, int descriptor, uint32_t events, void* key);

// The port given as the program's argument number `index`, or 0 without that argument.
uint16_t port_argument(int count, char** arguments, int index);

enum class Sent : uint8_t { all, partly, broken };

// Bytes on their way into one socket, in order; keeps what the socket does not take yet.
class Outgoing {
 public:
  Sent send(int descriptor, std::string_view bytes);
  Sent flush(int descriptor) { return send(descriptor, {}); }
  bool empty() const { return waiting_.empty(); }

 private:
  std::string waiting_;
};

}  // namespace flaskscale::bench
