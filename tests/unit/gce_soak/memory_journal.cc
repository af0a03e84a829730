#include "tests/unit/gce_soak/memory_journal.h"

#include <utility>

namespace flaskscale::soak {
namespace {

Error dead() { return make_error(ErrorCode::io_error, "the program has ended"); }

}  // namespace

Result<void> MemoryJournal::intend(const std::string&,
                                   const std::vector<scaler::JournalEntry>& entries) {
  if (closed) return dead();
  for (const scaler::JournalEntry& entry : entries) entries_[entry.instance] = entry;
  on_intended_();
  return {};
}

Result<void> MemoryJournal::forget(const std::string&, const std::vector<std::string>& instances) {
  if (closed) return dead();
  for (const std::string& instance : instances) entries_.erase(instance);
  return {};
}

Result<std::vector<scaler::JournalEntry>> MemoryJournal::entries(const std::string&) {
  std::vector<scaler::JournalEntry> all;
  for (const auto& [instance, entry] : entries_) all.push_back(entry);
  return all;
}

Result<void> MemoryJournal::keep_memory(const std::string&, const std::string& memory) {
  if (closed) return dead();
  memory_ = memory;
  return {};
}

Result<std::optional<std::string>> MemoryJournal::memory(const std::string&) { return memory_; }

}  // namespace flaskscale::soak
