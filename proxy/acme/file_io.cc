#include "proxy/acme/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "scaler/providers/file_descriptor.h"

namespace flaskscale::acme {
namespace {

using scaler::FileDescriptor;

constexpr size_t kLargestFile = 1U << 20U;

Result<void> write_and_sync(const FileDescriptor& file, const std::string& text,
                            const std::string& path) {
  if (auto written = scaler::write_all(file, text, "write " + path); !written) return written;
  if (fsync(file.number()) != 0) return error_from_errno(errno, "write " + path);
  return {};
}

// A new name in a folder is on the disk when the folder is.
Result<void> sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const FileDescriptor file(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file || fsync(file.number()) != 0) return error_from_errno(errno, "write " + folder);
  return {};
}

}  // namespace

Result<void> make_folder(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder(path);
  if (std::filesystem::is_directory(folder, error)) return {};
  if (folder.has_parent_path() && folder.parent_path() != folder) {
    if (auto made = make_folder(folder.parent_path().string()); !made) return made;
  }
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return error_from_errno(errno, "create " + path);
  }
  return {};
}

Result<std::string> read_small_file(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return error_from_errno(errno, "read " + path);
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t count = read(file.number(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error_from_errno(errno, "read " + path);
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > kLargestFile) {
      return make_error(ErrorCode::too_large, "read " + path + ": is larger than 1 MiB");
    }
  }
}

Result<void> replace_file(const std::string& path, const std::string& text, Secrecy secrecy) {
  const std::string fresh = path + ".new";
  // What a crash has left; its rights may be others.
  unlink(fresh.c_str());
  const mode_t mode = secrecy == Secrecy::owner_only ? 0600 : 0644;
  const FileDescriptor file(
      open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file) return error_from_errno(errno, "create " + fresh);
  auto written = write_and_sync(file, text, fresh);
  if (written) written = rename_files({{fresh, path}});
  if (!written) unlink(fresh.c_str());
  return written;
}

Result<void> rename_files(const std::vector<std::pair<std::string, std::string>>& names) {
  for (const auto& [from, to] : names) {
    if (std::rename(from.c_str(), to.c_str()) != 0) {
      return error_from_errno(errno, "rename " + from + " to " + to);
    }
  }
  return names.empty() ? Result<void>() : sync_folder_of(names.back().second);
}

}  // namespace flaskscale::acme
