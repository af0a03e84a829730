// The access log of one worker: a line for every exchange, gathered and written in large pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "balancer/exchange_record.h"
#include "balancer/traffic_counters.h"
#include "proxy/admin/access_log_format.h"
#include "proxy/admin/log_file.h"

namespace flaskscale::admin {

// Never waits and never grows: while the file takes nothing, new lines are dropped and counted once
// the buffer is full. Worker thread only, but for dropped().
class AccessLog final : public balancer::ExchangeSink {
 public:
  // Gathered lines are written when they come to this many bytes, or by flush().
  static constexpr size_t kWriteAt = 64 * 1024;
  static constexpr size_t kRoom = kWriteAt + kMaxLineBytes;

  // `file` is shared by the workers' logs (hence shared_ptr); null: the log is off.
  AccessLog(std::shared_ptr<LogFile> file, AccessLogFormat format);
  // Writes what is left, as far as it goes without waiting for a reader.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  void on_exchange(const balancer::ExchangeRecord& record) override;

  // Writes what is there; call it about once a second.
  void flush();

  // Any thread.
  uint64_t dropped() const { return dropped_.read(); }

 private:
  void write_out(LogFile::Contention contention);

  const std::shared_ptr<LogFile> file_;
  const AccessLogFormat format_;
  const std::unique_ptr<char[]> buffer_;
  size_t used_ = 0;
  // Lines to let pass before the next try to write, after one that did not go through.
  uint32_t hold_off_ = 0;
  DateCache date_;
  balancer::WorkerCounter dropped_;
};

}  // namespace flaskscale::admin
