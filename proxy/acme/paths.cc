#include "proxy/acme/paths.h"

#include <algorithm>

#include "base/text.h"

namespace flaskscale::acme {

std::string acme_root(const std::string& state_dir) { return state_dir + "/acme"; }

std::string directory_folder(const std::string& root, std::string_view directory_url) {
  constexpr std::string_view kDefaultPort = ":443";
  const size_t scheme = directory_url.find("://");
  if (scheme != std::string_view::npos) directory_url.remove_prefix(scheme + 3);
  std::string_view authority = directory_url.substr(0, directory_url.find_first_of("/?#"));
  if (const size_t user = authority.rfind('@'); user != std::string_view::npos) {
    authority.remove_prefix(user + 1);
  }
  if (authority.ends_with(kDefaultPort)) authority.remove_suffix(kDefaultPort.size());
  std::string name = lower_case(authority);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-'; },
      '_');
  if (name.find_first_not_of('.') == std::string::npos) name = "_";
  return root + "/" + name;
}

PairPaths certificate_files(const std::string& state_dir, std::string_view directory_url,
                            const std::string& first_name) {
  const std::string folder =
      directory_folder(acme_root(state_dir), directory_url) + "/" + first_name;
  return {folder + "/fullchain.pem", folder + "/privkey.pem"};
}

}  // namespace flaskscale::acme
