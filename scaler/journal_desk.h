// Collects what one pool has to write to its journal, and writes it with the next blocking call.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "scaler/journal.h"

namespace flaskscale::scaler {

// What one blocking call writes and reads; write() is its only part that runs on another thread.
struct JournalPage {
  std::map<std::string, JournalEntry> notes;  // by instance
  std::set<std::string> forgotten;
  std::optional<std::string> memory;
  std::vector<JournalEntry> intents;  // of the call that follows; written last
  bool load = false;

  std::vector<JournalEntry> loaded;
  std::optional<std::string> loaded_memory;
  Result<void> outcome;
};

// Control loop only. Without a journal everything succeeds and nothing is kept.
class JournalDesk {
 public:
  JournalDesk(std::string pool, Journal* journal) : pool_(std::move(pool)), journal_(journal) {}

  // Replaces what was noted for that instance and is not written yet.
  void note(const JournalEntry& entry);
  void forget(const std::string& instance);
  void keep(std::string memory);

  // Everything noted so far, and the journal's content if that has not been read yet.
  std::shared_ptr<JournalPage> take_page();
  // What blocks: on any thread, before the provider's call. The journal must live that long.
  std::function<Result<void>()> writer(std::shared_ptr<JournalPage> page) const;
  // Keeps what could not be written for the next page. The first time that the content was read it
  // returns true, and the page's `loaded` is what an earlier run left.
  bool settle(JournalPage& page);

  // Intents may be written: there is no journal, or its content is known.
  bool is_ready() const { return journal_ == nullptr || loaded_; }
  bool has_work() const {
    return journal_ != nullptr && !(notes_.empty() && forgotten_.empty() && !memory_);
  }
  // Of the last write or read; empty: it went well.
  const std::string& error() const { return error_; }

 private:
  const std::string pool_;
  Journal* const journal_;
  std::map<std::string, JournalEntry> notes_;
  std::set<std::string> forgotten_;
  std::optional<std::string> memory_;
  bool loaded_ = false;
  std::string error_;
};

}  // namespace flaskscale::scaler
