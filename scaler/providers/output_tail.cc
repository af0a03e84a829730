#include "scaler/providers/output_tail.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "scaler/providers/file_descriptor.h"

namespace flaskscale::scaler {
namespace {

constexpr uint64_t kMostPerPoll = 1U << 20U;
constexpr uint64_t kEmptiedBeyond = 1U << 20U;
constexpr uint64_t kCutBeyond = 64U << 20U;
constexpr size_t kLongestTailLine = 8192;

}  // namespace

OutputTail::OutputTail(std::string path, std::string name, From from)
    : path_(std::move(path)), name_(std::move(name)) {
  struct stat info {};
  if (from == From::end && stat(path_.c_str(), &info) == 0) {
    offset_ = static_cast<uint64_t>(info.st_size);
  }
}

void OutputTail::poll() {
  const FileDescriptor file(open(path_.c_str(), O_RDWR | O_CLOEXEC));
  struct stat info {};
  if (!file || fstat(file.number(), &info) != 0) return;
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < offset_) offset_ = 0;
  if (size - offset_ > kMostPerPoll) {
    spdlog::warn("[{}] … {} bytes of output skipped …", name_, size - offset_ - kMostPerPoll);
    offset_ = size - kMostPerPoll;
    line_.clear();
  }
  std::vector<char> block(64U * 1024U);
  bool at_end = false;
  for (uint64_t taken = 0; taken < kMostPerPoll;) {
    const ssize_t n = pread(file.number(), block.data(), block.size(), static_cast<off_t>(offset_));
    if (n < 0 && errno == EINTR) continue;
    at_end = n <= 0;
    if (at_end) break;
    take(block.data(), static_cast<uint64_t>(n));
    offset_ += static_cast<uint64_t>(n);
    taken += static_cast<uint64_t>(n);
  }
  // Emptied where nothing is unread, so that (nearly) nothing is lost; one that never pauses is cut
  // anyway.
  const bool large = (at_end && offset_ > kEmptiedBeyond) || offset_ > kCutBeyond;
  if (large && ftruncate(file.number(), 0) == 0) offset_ = 0;
}

void OutputTail::finish() {
  poll();
  if (!line_.empty()) log_line();
}

void OutputTail::take(const char* data, uint64_t size) {
  for (uint64_t i = 0; i < size; ++i) {
    const char c = data[i];
    if (c == '\n') {
      log_line();
      continue;
    }
    // Control characters could forge lines of the log or drive a terminal.
    const auto code = static_cast<unsigned char>(c);
    const bool plain = (code >= 0x20 && code != 0x7f) || c == '\t';
    if (c != '\r') line_ += plain ? c : '?';
    if (line_.size() >= kLongestTailLine) log_line();
  }
}

void OutputTail::log_line() {
  spdlog::info("[{}] {}", name_, line_);
  line_.clear();
}

}  // namespace flaskscale::scaler
