// A journal that outlives the scaler but not the test.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scaler/journal.h"

namespace flaskscale::soak {

class MemoryJournal final : public scaler::Journal {
 public:
  // Called after each written intention: the moment at which a death hurts most.
  explicit MemoryJournal(std::function<void()> on_intended)
      : on_intended_(std::move(on_intended)) {}

  Result<void> intend(const std::string& pool,
                      const std::vector<scaler::JournalEntry>& entries) override;
  Result<void> forget(const std::string& pool, const std::vector<std::string>& instances) override;
  Result<std::vector<scaler::JournalEntry>> entries(const std::string& pool) override;
  Result<void> keep_memory(const std::string& pool, const std::string& memory) override;
  Result<std::optional<std::string>> memory(const std::string& pool) override;

  size_t size() const { return entries_.size(); }
  // The program is dead: nothing is written any more.
  bool closed = false;

 private:
  const std::function<void()> on_intended_;
  std::map<std::string, scaler::JournalEntry> entries_;  // by instance: there is one pool
  std::optional<std::string> memory_;
};

}  // namespace flaskscale::soak
