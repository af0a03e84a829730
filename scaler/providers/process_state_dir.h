// The files by which instances of an ended run are found again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "scaler/providers/file_descriptor.h"
#include "scaler/providers/process_table.h"

namespace flaskscale::scaler {

// One instance as it is written down: before its program begins, and again when it is told to end.
struct ProcessRecord {
  std::string name;
  ProcessIdentity process;
  std::string boot_id;  // of the machine
  uint16_t port = 0;
  std::string fingerprint;  // of the settings it was started with
  bool ending = false;
};

// state_dir/process/<pool>/: <name>.json per instance, <name>.log for its output, and a lock that
// keeps a second program off. Not thread-safe.
class ProcessStateDir {
 public:
  ProcessStateDir(const std::string& state_dir, const std::string& pool);

  // Makes the folder and takes the lock; may be repeated. The error is one line that says what to
  // do.
  Result<void> open();

  // Replaces the file in one step.
  Result<void> write(const ProcessRecord& record) const;
  // The readable records; files that are none (half written, foreign) are removed with a warning.
  Result<std::vector<ProcessRecord>> load() const;
  // Its record and its output.
  void erase(const std::string& name) const;
  std::string output_path(const std::string& name) const { return folder_ + "/" + name + ".log"; }
  const std::string& folder() const { return folder_; }

 private:
  std::string record_path(const std::string& name) const { return folder_ + "/" + name + ".json"; }

  const std::string folder_;
  FileDescriptor lock_;
};

}  // namespace flaskscale::scaler
