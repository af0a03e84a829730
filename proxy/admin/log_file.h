// The file that the workers' access logs share: whole lines, no blocking, may be reopened at any
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"

namespace flaskscale::admin {

// Lines of different writers never mix, also when a pipe takes only a part of a line. The program
// ignores SIGPIPE. Any thread.
class LogFile {
 public:
  // What write() does while another thread writes.
  enum class Contention : uint8_t { give_up, wait };

  // Appends to `path`, which is created if it is not there; "-" is standard output. An error names
  // the path.
  static Result<std::shared_ptr<LogFile>> open(const std::string& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // Writes as much of `lines` (which end with a newline) as goes without waiting for a reader, a
  // disk's free space or, with give_up, for another writer. Returns how many bytes are taken care
  // of: 0, or up to the end of some line. An error counts as nothing taken; try again later.
  size_t write(std::string_view lines, Contention contention);

  // Opens the path anew (a rotated file was renamed away); what is written from now on goes there.
  // On an error the old file stays in use. Does nothing for standard output. Does not wait for
  // writers.
  Result<void> reopen();

 private:
  enum class Kind : uint8_t { never_waits, socket, may_wait };

  LogFile(std::string path, int descriptor, Kind kind)
      : path_(std::move(path)), descriptor_(descriptor), kind_(kind) {}
  static Result<std::shared_ptr<LogFile>> open_standard_output();
  size_t write_some(std::string_view bytes);

  const std::string path_;
  // The number never changes; reopen() replaces what it stands for in one step (dup3).
  const int descriptor_;
  const Kind kind_;
  std::mutex mutex_;
  std::string rest_;  // guarded by mutex_: the end of a line whose begin is written
};

}  // namespace flaskscale::admin
