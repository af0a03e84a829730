// One program at a time speaks for a state folder.
#pragma once

#include <string>

#include "base/result.h"
#include "scaler/providers/file_descriptor.h"

namespace flaskscale::acme {

class FolderLock {
 public:
  // Makes the folder and takes its lock until this object ends; may be repeated. `unavailable`:
  // another program has it.
  Result<void> take(const std::string& folder);
  bool is_held(const std::string& folder) const { return lock_ && folder_ == folder; }

 private:
  std::string folder_;
  scaler::FileDescriptor lock_;
};

}  // namespace flaskscale::acme
