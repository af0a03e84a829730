// The journal in a SQLite file.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "scaler/journal.h"

struct sqlite3;

namespace flaskscale::scaler {

// For all pools of one program. Each write is on the disk when it returns. Another program that
// has the file locked is waited for two seconds.
class SqliteJournal final : public Journal {
 public:
  // Makes the file, readable by its owner only, if it isn't there; its folder must be. Errors:
  // can't be opened or written, is no journal or damaged, was written by a newer version. Blocks.
  static Result<std::unique_ptr<SqliteJournal>> open(const std::string& path);
  ~SqliteJournal() override;
  SqliteJournal(const SqliteJournal&) = delete;
  SqliteJournal& operator=(const SqliteJournal&) = delete;

  Result<void> intend(const std::string& pool, const std::vector<JournalEntry>& entries) override;
  Result<void> forget(const std::string& pool, const std::vector<std::string>& instances) override;
  Result<std::vector<JournalEntry>> entries(const std::string& pool) override;
  Result<void> keep_memory(const std::string& pool, const std::string& memory) override;
  Result<std::optional<std::string>> memory(const std::string& pool) override;

 private:
  SqliteJournal(std::string path, sqlite3* file) : path_(std::move(path)), file_(file) {}
  Result<void> set_up();
  Result<void> execute(const char* sql);
  Error failure(const std::string& what) const;

  const std::string path_;
  std::mutex mutex_;
  sqlite3* const file_;  // guarded by mutex_
};

}  // namespace flaskscale::scaler
