// Where the files of certificates are, and what is in them.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "proxy/config/model.h"

namespace flaskscale::server {

// The files with the certificate chain and the key.
std::pair<std::string, std::string> certificate_paths(const config::Model& model,
                                                      const config::CertificateModel& certificate);

// At most 1 MiB. The error begins with the path.
Result<std::string> read_small_file(const std::string& path);

}  // namespace flaskscale::server
