// Where ACME keeps what it has: <state_dir>/acme/<directory's host>/<first name>/…
#pragma once

#include <string>
#include <string_view>

namespace flaskscale::acme {

struct PairPaths {
  std::string chain;  // fullchain.pem
  std::string key;    // privkey.pem
};

std::string acme_root(const std::string& state_dir);
// The folder of all that one directory has given: its host, with its port unless it is 443.
std::string directory_folder(const std::string& root, std::string_view directory_url);
// The files that a certificate is served from. `first_name` is a valid domain name.
PairPaths certificate_files(const std::string& state_dir, std::string_view directory_url,
                            const std::string& first_name);

}  // namespace flaskscale::acme
