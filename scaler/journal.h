// What the scaler intends, written down before it is done, so that a restart at any point finds
// its way.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace flaskscale::scaler {

// The last thing that is or was to happen to an instance. `drain` may be taken back, `remove` may
// not.
enum class Intent : uint8_t { create, serve, drain, stop, start, remove };
std::string_view to_string(Intent intent);

struct JournalEntry {
  std::string instance;
  Intent intent = Intent::create;
  std::string zone;
  std::string request_id;  // of the call that carries it out
  WallTime created_at{};   // the first create call, kept through later intents
  WallTime intended_at{};  // of this intent
};

// One row per pool and instance; the newest intent replaces the one before. Any thread; calls
// block for a disk write. What has returned without an error survives a crash of the machine.
class Journal {
 public:
  virtual ~Journal() = default;

  // All or nothing.
  virtual Result<void> intend(const std::string& pool,
                              const std::vector<JournalEntry>& entries) = 0;
  // These instances are gone.
  virtual Result<void> forget(const std::string& pool,
                              const std::vector<std::string>& instances) = 0;
  virtual Result<std::vector<JournalEntry>> entries(const std::string& pool) = 0;

  // What the law has learned, as one text; replaces the one before.
  virtual Result<void> keep_memory(const std::string& pool, const std::string& memory) = 0;
  virtual Result<std::optional<std::string>> memory(const std::string& pool) = 0;
};

}  // namespace flaskscale::scaler
