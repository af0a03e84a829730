#include "proxy/forward/outgoing.h"

#include <algorithm>

namespace flaskscale::forward {

using net::IoResult;

SendState Outgoing::send(net::Transport& transport, std::span<const std::string_view> parts) {
  size_t total = 0;
  for (const auto part : parts) total += part.size();
  if (total == 0) return empty() ? SendState::sent : SendState::blocked;
  if (!empty()) {
    hold(parts, 0);
    return SendState::blocked;
  }
  const IoResult result = transport.write(parts);
  if (result.status == IoResult::Status::failed || result.status == IoResult::Status::closed) {
    return SendState::failed;
  }
  if (result.bytes == total) return SendState::sent;
  held_ = buffers_.take();
  sent_ = 0;
  hold(parts, result.bytes);
  return SendState::blocked;
}

SendState Outgoing::flush(net::Transport& transport) {
  if (empty()) return SendState::sent;
  const std::string_view rest = std::string_view(*held_).substr(sent_);
  const IoResult result = transport.write(std::span(&rest, 1));
  if (result.status == IoResult::Status::failed || result.status == IoResult::Status::closed) {
    return SendState::failed;
  }
  sent_ += result.bytes;
  if (sent_ < held_->size()) return SendState::blocked;
  drop();
  return SendState::sent;
}

void Outgoing::drop() {
  buffers_.give(std::move(held_));
  held_ = nullptr;
  sent_ = 0;
}

void Outgoing::hold(std::span<const std::string_view> parts, size_t skip) {
  for (const auto part : parts) {
    const size_t skipped = std::min(skip, part.size());
    skip -= skipped;
    held_->append(part.substr(skipped));
  }
}

}  // namespace flaskscale::forward
