#include "scaler/journal_desk.h"

namespace flaskscale::scaler {
namespace {

Result<void> read(Journal& journal, const std::string& pool, JournalPage& page) {
  Result<std::vector<JournalEntry>> entries = journal.entries(pool);
  if (!entries) return entries.error();
  Result<std::optional<std::string>> memory = journal.memory(pool);
  if (!memory) return memory.error();
  page.loaded = std::move(*entries);
  page.loaded_memory = std::move(*memory);
  return {};
}

Result<void> write(Journal& journal, const std::string& pool, JournalPage& page) {
  if (page.load) {
    if (Result<void> done = read(journal, pool, page); !done) return done;
  }
  std::vector<JournalEntry> entries;
  for (const auto& [instance, entry] : page.notes) entries.push_back(entry);
  if (!entries.empty()) {
    if (Result<void> done = journal.intend(pool, entries); !done) return done;
  }
  if (!page.forgotten.empty()) {
    const std::vector<std::string> names(page.forgotten.begin(), page.forgotten.end());
    if (Result<void> done = journal.forget(pool, names); !done) return done;
  }
  if (page.memory) {
    if (Result<void> done = journal.keep_memory(pool, *page.memory); !done) return done;
  }
  if (page.intents.empty()) return {};
  return journal.intend(pool, page.intents);
}

}  // namespace

void JournalDesk::note(const JournalEntry& entry) {
  if (journal_ == nullptr) return;
  forgotten_.erase(entry.instance);
  notes_.insert_or_assign(entry.instance, entry);
}

void JournalDesk::forget(const std::string& instance) {
  if (journal_ == nullptr) return;
  notes_.erase(instance);
  forgotten_.insert(instance);
}

void JournalDesk::keep(std::string memory) {
  if (journal_ != nullptr) memory_ = std::move(memory);
}

std::shared_ptr<JournalPage> JournalDesk::take_page() {
  auto page = std::make_shared<JournalPage>();
  page->load = journal_ != nullptr && !loaded_;
  page->notes.swap(notes_);
  page->forgotten.swap(forgotten_);
  page->memory.swap(memory_);
  return page;
}

std::function<Result<void>()> JournalDesk::writer(std::shared_ptr<JournalPage> page) const {
  if (journal_ == nullptr) return [] { return Result<void>{}; };
  return [journal = journal_, pool = pool_, page = std::move(page)] {
    page->outcome = write(*journal, pool, *page);
    return page->outcome;
  };
}

bool JournalDesk::settle(JournalPage& page) {
  if (journal_ == nullptr) return false;
  if (page.outcome) {
    error_.clear();
    const bool first = page.load && !loaded_;
    loaded_ = true;
    return first;
  }
  error_ = page.outcome.error().detail;
  if (error_.empty()) error_ = to_string(page.outcome.error().code);
  // What was noted since then is newer.
  for (auto& [instance, entry] : page.notes) {
    if (!forgotten_.contains(instance)) notes_.try_emplace(instance, std::move(entry));
  }
  for (const std::string& instance : page.forgotten) {
    if (!notes_.contains(instance)) forgotten_.insert(instance);
  }
  if (!memory_) memory_ = std::move(page.memory);
  return false;
}

}  // namespace flaskscale::scaler
