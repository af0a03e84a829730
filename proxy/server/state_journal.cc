#include "proxy/server/state_journal.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace flaskscale::server {
namespace {

constexpr Duration kBetweenTries = std::chrono::seconds(5);

}  // namespace

StateJournal::StateJournal(const std::string& state_dir, Open open, Now now)
    : open_(std::move(open)), now_(std::move(now)), folder_(state_dir) {}

Result<void> StateJournal::try_to_open() {
  if (auto held = folder_.hold(); !held) return held;
  auto opened = open_(folder_.path() + "/journal.db");
  if (!opened) return std::move(opened).error();
  journal_ = *std::move(opened);
  return {};
}

Result<scaler::Journal*> StateJournal::journal() {
  const std::lock_guard lock(mutex_);
  if (journal_ != nullptr) return journal_.get();
  const Time now = now_();
  if (error_ && now < next_try_) return *error_;
  next_try_ = now + kBetweenTries;
  if (auto opened = try_to_open(); !opened) {
    if (!error_ || error_->detail != opened.error().detail) {
      spdlog::error("scaling waits: {}", opened.error().detail);
    }
    error_ = Error{ErrorCode::unavailable, Origin::internal, Retry::always, opened.error().detail};
    return *error_;
  }
  if (error_) spdlog::info("the journal in {} is open: scaling goes on", folder_.path());
  error_.reset();
  return journal_.get();
}

Result<void> StateJournal::open() {
  auto opened = journal();
  if (!opened) return opened.error();
  return {};
}

Result<void> StateJournal::intend(const std::string& pool,
                                  const std::vector<scaler::JournalEntry>& entries) {
  auto opened = journal();
  if (!opened) return opened.error();
  return (*opened)->intend(pool, entries);
}

Result<void> StateJournal::forget(const std::string& pool,
                                  const std::vector<std::string>& instances) {
  auto opened = journal();
  if (!opened) return opened.error();
  return (*opened)->forget(pool, instances);
}

Result<std::vector<scaler::JournalEntry>> StateJournal::entries(const std::string& pool) {
  auto opened = journal();
  if (!opened) return opened.error();
  return (*opened)->entries(pool);
}

Result<void> StateJournal::keep_memory(const std::string& pool, const std::string& memory) {
  auto opened = journal();
  if (!opened) return opened.error();
  return (*opened)->keep_memory(pool, memory);
}

Result<std::optional<std::string>> StateJournal::memory(const std::string& pool) {
  auto opened = journal();
  if (!opened) return opened.error();
  return (*opened)->memory(pool);
}

}  // namespace flaskscale::server
