#include "proxy/net/background.h"

#include <netdb.h>
#include <uv.h>

#include <memory>

#include "base/check.h"

namespace flaskscale::net {
namespace {

struct Work {
  uv_work_t request{};
  std::function<void()> blocking;
  std::function<void()> then;
};

}  // namespace

void run_in_background(EventLoop& loop, std::function<void()> blocking,
                       std::function<void()> then) {
  auto* work = new Work{{}, std::move(blocking), std::move(then)};
  work->request.data = work;
  const int status = uv_queue_work(
      loop.uv(), &work->request,
      [](uv_work_t* request) { static_cast<Work*>(request->data)->blocking(); },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Work> done(static_cast<Work*>(request->data));
        done->then();
      });
  FS_CHECK(status == 0);
}

Result<std::vector<SocketAddress>> resolve(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (status != 0) {
    return make_error(ErrorCode::resolve_failed,
                      "resolve '" + endpoint.host + "': " + ::gai_strerror(status));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET || entry->ai_family == AF_INET6) {
      addresses.emplace_back(entry->ai_addr, entry->ai_addrlen);
    }
  }
  ::freeaddrinfo(found);
  if (addresses.empty()) {
    return make_error(ErrorCode::resolve_failed, "resolve '" + endpoint.host + "': no address");
  }
  return addresses;
}

}  // namespace flaskscale::net
