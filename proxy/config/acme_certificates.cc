#include "proxy/config/acme_certificates.h"

#include <algorithm>

namespace flaskscale::config {

std::vector<std::vector<std::string>> acme_certificates(const Model& model) {
  std::vector<std::vector<std::string>> all;
  for (const ListenerModel& listener : model.listeners) {
    for (const CertificateModel& certificate : listener.certificates) {
      const auto& names = certificate.acme;
      if (!names.empty() && std::find(all.begin(), all.end(), names) == all.end()) {
        all.push_back(names);
      }
    }
  }
  return all;
}

}  // namespace flaskscale::config
