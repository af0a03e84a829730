// Passes what an instance writes on to this program's log.
#pragma once

#include <cstdint>
#include <string>

namespace flaskscale::scaler {

// Reads what was appended to a file, line by line. The instance writes to the file and never waits
// for us; the file is emptied when it grows large, so it must be written in append mode. Not
// thread-safe.
class OutputTail {
 public:
  enum class From : uint8_t { start, end };
  // `name` prefixes every line.
  OutputTail(std::string path, std::string name, From from);

  // Logs the lines that are complete. Reads at most 1 MiB; what is older than that is skipped and
  // counted.
  void poll();
  // Logs also a last line without an end.
  void finish();

 private:
  void take(const char* data, uint64_t size);
  void log_line();

  const std::string path_;
  const std::string name_;
  uint64_t offset_ = 0;
  std::string line_;
};

}  // namespace flaskscale::scaler
