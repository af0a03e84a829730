// Who may call: tokens, scopes, permissions and the calls of a minute.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/gce/api_error.h"
#include "tests/support/gce/chance.h"
#include "tests/support/gce/settings.h"
#include "tests/support/gce/timeline.h"

namespace flaskscale::emulator {

// Tokens and minutes are in the client's time: simulated time divided by the rate.
class Access {
 public:
  Access(const Settings& settings, const Timeline& timeline);

  struct Token {
    std::string text;
    double seconds = 0;  // until it expires, for the client
  };
  Token issue(double seconds);
  void expire_tokens() { tokens_.clear(); }
  // While revoked, no token is good, nor any new one.
  void revoke() { revoked_ = true; }
  void restore() { revoked_ = false; }
  bool is_revoked() const { return revoked_; }

  // `method`: "compute.instances.get"; `where`: the resource, for the message.
  std::optional<ApiError> check(std::string_view authorization, const std::string& method,
                                const std::string& where) const;
  // Counts a call against its minute.
  std::optional<ApiError> take_call();
  double client_now() const { return timeline_.now() / settings_.rate; }
  // Where the first minute begins in the client's calendar.
  void align_minutes(double seconds_into_minute) { into_minute_ = seconds_into_minute; }

  static std::string permission_of(const std::string& method);

 private:
  const Settings& settings_;
  const Timeline& timeline_;
  Chance chance_;
  std::map<std::string, double, std::less<>> tokens_;  // to the client's time when each expires
  bool revoked_ = false;
  double into_minute_ = 0;
  int64_t minute_ = -1;
  uint32_t calls_ = 0;
};

}  // namespace flaskscale::emulator
