#include "proxy/acme/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "proxy/acme/file_io.h"

namespace flaskscale::acme {

Result<void> FolderLock::take(const std::string& folder) {
  if (is_held(folder)) return {};
  if (auto made = make_folder(folder); !made) return made;
  const std::string name = folder + "/lock";
  scaler::FileDescriptor lock(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return error_from_errno(errno, "open " + name);
  if (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return error_from_errno(errno, "lock " + name);
    return make_error(ErrorCode::unavailable,
                      "another FlaskScale gets the certificates in " + folder +
                          "; this one serves them, and takes over when that one has ended");
  }
  lock_ = std::move(lock);
  folder_ = folder;
  return {};
}

}  // namespace flaskscale::acme
