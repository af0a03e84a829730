// Asks a running FlaskScale through its admin listener.
#pragma once

#include <string>

#include "base/result.h"

namespace flaskscale::server {

// Blocking calls, each on a connection of its own. The error's detail is for the operator.
class AdminClient {
 public:
  explicit AdminClient(std::string address) : address_(std::move(address)) {}  // "host:port"

  // A summary for a terminal.
  Result<std::string> status() const;
  Result<std::string> drain(const std::string& pool, const std::string& backend) const;
  Result<std::string> undrain(const std::string& pool, const std::string& backend) const;

 private:
  enum class Verb : uint8_t { get, post };
  Result<std::string> call(Verb verb, const std::string& path) const;
  Result<std::string> change(const std::string& pool, const std::string& backend,
                             const std::string& what) const;

  const std::string address_;
};

}  // namespace flaskscale::server
