// The folder in which this program remembers, held by one program at a time.
#pragma once

#include <string>

#include "base/result.h"
#include "scaler/providers/file_descriptor.h"

namespace flaskscale::server {

// Not thread-safe.
class StateDir {
 public:
  explicit StateDir(std::string path) : path_(std::move(path)) {}

  // Makes the folder and takes its lock, until this object ends; may be repeated. The error is one
  // line that says what to do.
  Result<void> hold();
  bool is_held() const { return static_cast<bool>(lock_); }

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  scaler::FileDescriptor lock_;
};

}  // namespace flaskscale::server
