// Blocking work off the loop, its end back on the loop.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/socket_address.h"

namespace flaskscale::net {

// Runs `blocking` on libuv's thread pool, then `then` on the loop's thread. Loop thread only. What
// both capture must live until `then` has run; the loop waits for work under way before it is
// destroyed.
void run_in_background(EventLoop& loop, std::function<void()> blocking, std::function<void()> then);

// All addresses of a host, through the system's resolver. Blocks: for run_in_background.
Result<std::vector<SocketAddress>> resolve(const Endpoint& endpoint);

}  // namespace flaskscale::net
