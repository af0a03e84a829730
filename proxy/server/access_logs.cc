#include "proxy/server/access_logs.h"

namespace flaskscale::server {

Result<AccessLogs> AccessLogs::open(const config::AccessLogModel& model, unsigned workers) {
  AccessLogs logs;
  if (model.path == "off") return logs;
  auto file = admin::LogFile::open(model.path);
  if (!file) return std::move(file).error();
  logs.file_ = *std::move(file);
  const auto format = model.format == config::LogFormat::json ? admin::AccessLogFormat::json
                                                              : admin::AccessLogFormat::text;
  for (unsigned i = 0; i < workers; ++i) {
    logs.logs_.push_back(std::make_shared<admin::AccessLog>(logs.file_, format));
  }
  return logs;
}

forward::WorkerLog AccessLogs::for_worker(size_t worker) const {
  if (file_ == nullptr) return {};
  return {logs_[worker], [log = logs_[worker]] { log->flush(); }};
}

Result<void> AccessLogs::reopen() {
  if (file_ == nullptr) return {};
  return file_->reopen();
}

uint64_t AccessLogs::dropped() const {
  uint64_t lines = 0;
  for (const auto& log : logs_) lines += log->dropped();
  return lines;
}

}  // namespace flaskscale::server
