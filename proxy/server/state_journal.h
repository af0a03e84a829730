// The journal in the state folder, which is opened when it can be.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "proxy/server/state_dir.h"
#include "scaler/journal.h"

namespace flaskscale::server {

// Until the folder's lock is had and the file is open, every call says why not; it is tried again
// at most every few seconds. So a folder that is full, foreign or in use by another FlaskScale
// stops scaling, never serving, and scaling goes on by itself once that is over.
class StateJournal final : public scaler::Journal {
 public:
  using Open = std::function<Result<std::unique_ptr<scaler::Journal>>(const std::string& path)>;
  using Now = std::function<Time()>;

  StateJournal(const std::string& state_dir, Open open, Now now = Clock::now);

  // Opens it now if it is not; for a word at the start. Any thread.
  Result<void> open();

  Result<void> intend(const std::string& pool,
                      const std::vector<scaler::JournalEntry>& entries) override;
  Result<void> forget(const std::string& pool, const std::vector<std::string>& instances) override;
  Result<std::vector<scaler::JournalEntry>> entries(const std::string& pool) override;
  Result<void> keep_memory(const std::string& pool, const std::string& memory) override;
  Result<std::optional<std::string>> memory(const std::string& pool) override;

 private:
  Result<scaler::Journal*> journal();
  Result<void> try_to_open();

  const Open open_;
  const Now now_;
  std::mutex mutex_;
  // Guarded by mutex_; the journal itself, once there, is for any thread and stays.
  StateDir folder_;
  std::unique_ptr<scaler::Journal> journal_;
  std::optional<Error> error_;
  Time next_try_{};
};

}  // namespace flaskscale::server
