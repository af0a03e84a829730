#include "proxy/server/ready_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace flaskscale::server {

Result<void> write_ready(const std::string& path, const std::string& admin_address,
                         const std::vector<admin::ListenerStatus>& listeners) {
  nlohmann::json ready{
      {"pid", ::getpid()}, {"admin", admin_address}, {"listeners", nlohmann::json::object()}};
  for (const auto& listener : listeners) ready["listeners"][listener.name] = listener.addresses;
  const std::string partial = path + ".partial";
  {
    std::ofstream file(partial, std::ios::trunc);
    file << ready.dump() << '\n';
    file.flush();
    if (!file) return error_from_errno(errno, "write ready file '" + partial + "'");
  }
  if (std::rename(partial.c_str(), path.c_str()) != 0) {
    return error_from_errno(errno, "write ready file '" + path + "'");
  }
  return {};
}

}  // namespace flaskscale::server
