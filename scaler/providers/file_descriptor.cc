#include "scaler/providers/file_descriptor.h"

#include <fcntl.h>

#include <cerrno>

namespace flaskscale::scaler {

Result<Pipe> make_pipe(std::string_view what) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return error_from_errno(errno, what);
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

Result<void> write_all(const FileDescriptor& file, std::string_view text, std::string_view what) {
  while (!text.empty()) {
    const ssize_t written = write(file.number(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error_from_errno(errno, what);
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<FileDescriptor> write_file(const std::string& path, std::string_view text,
                                  std::string_view what) {
  FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return error_from_errno(errno, what);
  if (Result<void> written = write_all(file, text, what); !written) return written.error();
  return file;
}

}  // namespace flaskscale::scaler
