#include "scaler/providers/state_identity.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "scaler/providers/file_descriptor.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kDigits = 16;

bool is_identity(const std::string& text) {
  return text.size() == kDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

Result<void> write_and_sync(const std::string& path, const std::string& text) {
  const std::string what = "state_dir: write " + path;
  auto file = write_file(path, text, what);
  if (!file) return file.error();
  if (fsync(file->number()) != 0) return error_from_errno(errno, what);
  return {};
}

}  // namespace

Result<std::string> state_identity(const std::string& state_dir) {
  if (state_dir.empty()) {
    return make_error(ErrorCode::misconfigured, "server.state_dir is needed and not set");
  }
  const std::string path = state_dir + "/identity";
  if (std::string known = first_word(path); is_identity(known)) return known;
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return make_error(ErrorCode::bad_message,
                      "state_dir: " + path +
                          " is not what this program has written; without it the instances of "
                          "earlier runs are strangers: put it back, or remove it");
  }
  std::filesystem::create_directories(state_dir, error);
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(random_seed()));
  const std::string fresh = path + "." + std::to_string(getpid()) + "." + digits;
  if (const Result<void> written = write_and_sync(fresh, std::string(digits) + "\n"); !written) {
    unlink(fresh.c_str());
    return written.error();
  }
  // Unlike a rename this never takes the place of one that somebody else has just made.
  const int linked = link(fresh.c_str(), path.c_str());
  const int number = errno;
  unlink(fresh.c_str());
  if (linked != 0 && number != EEXIST) return error_from_errno(number, "state_dir: create " + path);
  std::string known = first_word(path);
  if (!is_identity(known)) return make_error(ErrorCode::io_error, "state_dir: can't read " + path);
  return known;
}

}  // namespace flaskscale::scaler
