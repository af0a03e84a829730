// Byte buffers that keep their memory between uses, so that busy connections do not allocate and
// idle ones hold none.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace flaskscale::forward {

// One worker thread only.
class BufferPool {
 public:
  // An empty buffer.
  std::unique_ptr<std::string> take() {
    if (free_.empty()) return std::make_unique<std::string>();
    auto buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }

  // Takes a buffer back; null is fine.
  void give(std::unique_ptr<std::string> buffer) {
    if (!buffer || free_.size() >= kKept || buffer->capacity() > kKeptCapacity) return;
    buffer->clear();
    free_.push_back(std::move(buffer));
  }

 private:
  static constexpr size_t kKept = 32;
  static constexpr size_t kKeptCapacity = 256U << 10U;
  std::vector<std::unique_ptr<std::string>> free_;
};

}  // namespace flaskscale::forward
