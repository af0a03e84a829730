// What the client of a directory is told by the configuration, and its rhythm.
#pragma once

#include <chrono>
#include <string>

#include "base/time.h"

namespace flaskscale::acme {

struct DirectorySettings {
  std::string url;
  std::string email;         // empty: no contact
  bool agree_terms = false;  // to the directory's terms of service
  std::string eab_key_id;    // external account binding; empty: none
  std::string eab_key;       // the bytes of its HMAC key
  bool operator==(const DirectorySettings&) const = default;
};

struct Pace {
  Duration between_orders = std::chrono::minutes(1);  // of one certificate, over restarts too
  // Between two looks at an order under way: doubles, unless the directory says when.
  Duration first_look = std::chrono::seconds(1);
  Duration longest_look = std::chrono::seconds(10);
  // An order that is not decided by then counts as a failure; the next try goes on with it.
  Duration patience = std::chrono::minutes(10);
  // After a failure that may pass by itself: nobody answers, 5xx …
  Duration first_wait = std::chrono::seconds(10);
  Duration longest_wait = std::chrono::hours(1);
  // … and after a refusal. Public directories allow about five failed validations an hour.
  Duration first_wait_refused = std::chrono::minutes(2);
  Duration longest_wait_refused = std::chrono::hours(6);
  Duration wait_rate_limited = std::chrono::hours(1);  // if the directory does not say
  // A Retry-After beyond this is not believed.
  Duration longest_retry_after = std::chrono::hours(24 * 7);
  // A start forgets a wait: somebody may have mended what was wrong. But not if the failures are
  // more than these: then it may be a start of many.
  unsigned patient_failures = 3;
  Duration wait_after_many_starts = std::chrono::minutes(15);
  // Renewal: at two thirds of the life, and up to this share of it later.
  double renewal_spread = 1.0 / 30;
  size_t most_orders = 10;  // under way at a time
};

}  // namespace flaskscale::acme
