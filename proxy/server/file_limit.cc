#include "proxy/server/file_limit.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/log.h"

namespace flaskscale::server {

void raise_file_limit(const config::Model& model) {
  // A client's, its backend's, and some for logs, listeners, probes and instances.
  const rlim_t wanted = 2 * static_cast<rlim_t>(model.server.max_connections) + 1024;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  rlimit raised{wanted, std::max(limit.rlim_max, wanted)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  raised = {limit.rlim_max, limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
  if (limit.rlim_max < wanted) {
    spdlog::warn(
        "only {} descriptors may be open, {} connections may need {}: raise the limit (ulimit -n) "
        "or lower "
        "server.max_connections",
        limit.rlim_max, model.server.max_connections, wanted);
  }
}

}  // namespace flaskscale::server
