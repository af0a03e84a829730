#include "proxy/server/sticky_secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "proxy/net/listen_socket.h"

namespace flaskscale::server {
namespace {

constexpr size_t kDigits = 32;

std::string make_secret() {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  for (size_t half = 0; half < 2; ++half) {
    uint64_t bits = random_seed();
    for (size_t i = 0; i < kDigits / 2; ++i, bits >>= 4U) text.push_back(kHex[bits & 15U]);
  }
  return text;
}

Result<std::string> read_secret(const std::string& path) {
  const net::OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return error_from_errno(errno, path);
  char text[kDigits];
  if (::read(file.get(), text, sizeof text) != static_cast<ssize_t>(sizeof text)) {
    return make_error(ErrorCode::bad_message, path + " is not whole: remove it");
  }
  return std::string(text, sizeof text);
}

// Whole or not at all: a reader never sees half of it, and of two writers one wins.
Result<void> write_secret(const std::string& path, const std::string& secret) {
  const std::string draft = path + "." + std::to_string(::getpid());
  const net::OwnedFd file(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.get() < 0) return error_from_errno(errno, draft);
  const bool written =
      ::write(file.get(), secret.data(), secret.size()) == static_cast<ssize_t>(secret.size()) &&
      ::fsync(file.get()) == 0;
  const bool linked = written && (::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int error_number = errno;
  ::unlink(draft.c_str());
  if (!linked) return error_from_errno(error_number, path);
  return {};
}

Result<std::string> keep_secret(const std::string& state_dir) {
  const std::string path = state_dir + "/sticky.secret";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    std::filesystem::create_directories(state_dir, error);
    if (auto written = write_secret(path, make_secret()); !written) return written.error();
  }
  return read_secret(path);
}

bool lacks_secret(const config::PoolModel& pool) {
  return !pool.sticky_cookie.empty() && pool.sticky_secret.empty();
}

}  // namespace

void StickySecret::complete(config::Model& model) {
  const bool is_needed = std::any_of(model.pools.begin(), model.pools.end(),
                                     [](const auto& pool) { return lacks_secret(pool.second); });
  if (!is_needed) return;
  if (secret_.empty()) {
    auto kept = keep_secret(model.server.state_dir);
    if (!kept) {
      spdlog::warn("sticky cookies will not outlive this process: {}; write sticky_secret",
                   kept.error().detail);
    }
    secret_ = std::move(kept).value_or(make_secret());
  }
  for (auto& [name, pool] : model.pools) {
    if (lacks_secret(pool)) pool.sticky_secret = secret_;
  }
}

}  // namespace flaskscale::server
