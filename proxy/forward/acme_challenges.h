// What is answered to an authority that checks by HTTP-01 whether a name leads here.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace flaskscale::forward {

// Any thread. Mostly empty, and then it costs a load.
class AcmeChallenges {
 public:
  // base64url texts, as the authority chose them. One that is put up again counts once more.
  void put_up(const std::string& token, const std::string& answer);
  void take_down(const std::string& token);

  bool is_empty() const { return size_.load(std::memory_order_relaxed) == 0; }
  // The answer to a GET of "/.well-known/acme-challenge/<token>"; none for any other path.
  std::optional<std::string> find(std::string_view path) const;

 private:
  struct Entry {
    std::string answer;
    size_t uses = 0;  // several certificates may wait for the same
  };
  std::atomic<size_t> size_{0};
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;  // Guarded by mutex_; by token.
};

}  // namespace flaskscale::forward
