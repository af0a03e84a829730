#include "proxy/admin/access_log.h"

#include <cstring>
#include <utility>

namespace flaskscale::admin {
namespace {

// A file that takes nothing costs one failed system call in this many lines.
constexpr uint32_t kLinesBetweenTries = 32;

}  // namespace

AccessLog::AccessLog(std::shared_ptr<LogFile> file, AccessLogFormat format)
    : file_(std::move(file)), format_(format), buffer_(file_ ? new char[kRoom] : nullptr) {}

AccessLog::~AccessLog() {
  if (file_ != nullptr && used_ > 0) write_out(LogFile::Contention::wait);
}

void AccessLog::on_exchange(const balancer::ExchangeRecord& record) {
  if (file_ == nullptr) return;
  if (used_ >= kWriteAt) {
    if (hold_off_ == 0) {
      write_out(LogFile::Contention::give_up);
    } else {
      --hold_off_;
    }
  }
  if (line_bound(record) > kRoom - used_) {
    dropped_.add(1);
    return;
  }
  char* const line = buffer_.get() + used_;
  used_ += static_cast<size_t>(write_line(format_, record, date_, line) - line);
}

void AccessLog::flush() {
  if (file_ != nullptr && used_ > 0) write_out(LogFile::Contention::give_up);
}

void AccessLog::write_out(LogFile::Contention contention) {
  const size_t taken = file_->write({buffer_.get(), used_}, contention);
  used_ -= taken;
  std::memmove(buffer_.get(), buffer_.get() + taken, used_);
  hold_off_ = taken == 0 ? kLinesBetweenTries : 0;
}

}  // namespace flaskscale::admin
