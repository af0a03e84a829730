// The workers' access logs over one file.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "proxy/admin/access_log.h"
#include "proxy/admin/log_file.h"
#include "proxy/config/model.h"
#include "proxy/forward/worker.h"

namespace flaskscale::server {

// Control loop only. Immutable once open, but for reopen(): a reload with other settings opens a
// new one.
class AccessLogs {
 public:
  static Result<AccessLogs> open(const config::AccessLogModel& model, unsigned workers);

  forward::WorkerLog for_worker(size_t worker) const;
  // After a rotation.
  Result<void> reopen();
  // Lines that could not be written.
  uint64_t dropped() const;

 private:
  std::shared_ptr<admin::LogFile> file_;                 // null: off
  std::vector<std::shared_ptr<admin::AccessLog>> logs_;  // by worker; shared with it
};

}  // namespace flaskscale::server
