// The pool that instances join and leave, as the scaler sees it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace flaskscale::scaler {

struct MemberReport {
  std::string address;
  bool admitted = false;  // its first good health check has passed
  bool serving = false;   // admitted, and all its slots are open
  uint32_t in_flight = 0;
  bool draining_by_operator = false;
  bool up = false;  // its health check passes now
};

// Control loop only. An address that is not a member is ignored by every call.
class Membership {
 public:
  virtual ~Membership() = default;

  // Joins; gets requests after its first good health check.
  virtual void add(const std::string& address) = 0;
  // Gets no new request from now on. Returns the in-flight count left.
  virtual uint32_t drain(const std::string& address) = 0;
  // Gets requests again; false if it is not draining or no member.
  virtual bool undrain(const std::string& address) = 0;
  // Out of the pool at once; requests in flight end by themselves.
  virtual void remove(const std::string& address) = 0;
  virtual std::vector<MemberReport> report() const = 0;
  // Whether waiting for new capacity makes sense, and how long a boot usually takes.
  virtual void expect_capacity(bool coming, Duration boot_median) = 0;
};

}  // namespace flaskscale::scaler
