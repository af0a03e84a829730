// Owns an open file descriptor; what is written and read through one.
#pragma once

#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace flaskscale::scaler {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.number_, -1));
    return *this;
  }
  ~FileDescriptor() { reset(); }

  int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  void reset(int number = -1) {
    if (number_ >= 0) close(number_);
    number_ = number;
  }

 private:
  int number_ = -1;
};

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

// Closed when another program is executed. `what` begins the error.
Result<Pipe> make_pipe(std::string_view what);

// All of `text`, to a file that blocks. `what` begins the error.
Result<void> write_all(const FileDescriptor& file, std::string_view text, std::string_view what);

// The file at `path`, made (mode 0600) or emptied, with `text` in it: still open, for who wants it
// on the disk. `what` begins the error.
Result<FileDescriptor> write_file(const std::string& path, std::string_view text,
                                  std::string_view what);

}  // namespace flaskscale::scaler
