#include "proxy/server/certificate_files.h"

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "proxy/acme/paths.h"

namespace flaskscale::server {
namespace {

constexpr size_t kLargestFile = size_t{1} << 20U;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::pair<std::string, std::string> certificate_paths(const config::Model& model,
                                                      const config::CertificateModel& certificate) {
  if (certificate.acme.empty()) return {certificate.cert, certificate.key};
  auto files = acme::certificate_files(model.server.state_dir, model.acme.directory,
                                       certificate.acme.front());
  return {std::move(files.chain), std::move(files.key)};
}

Result<std::string> read_small_file(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
  if (!file) return error_from_errno(errno, path);
  std::string text;
  char buffer[16384];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, count);
    if (text.size() > kLargestFile) {
      return make_error(ErrorCode::too_large,
                        path + ": is larger than " + format_size(kLargestFile));
    }
  }
  if (std::ferror(file.get()) != 0) return error_from_errno(errno, path);
  return text;
}

}  // namespace flaskscale::server
