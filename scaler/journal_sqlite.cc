#include "scaler/journal_sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>

namespace flaskscale::scaler {
namespace {

constexpr int kBusyMilliseconds = 2000;
constexpr int kSchemaVersion = 1;
constexpr mode_t kOwnerOnly = 0600;
constexpr const char* kSchema =
    "CREATE TABLE intents (pool TEXT NOT NULL, instance TEXT NOT NULL, intent TEXT NOT NULL,"
    " zone TEXT NOT NULL, request_id TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " intended_ms INTEGER NOT NULL, PRIMARY KEY (pool, instance)) WITHOUT ROWID;"
    "CREATE TABLE memories (pool TEXT PRIMARY KEY, memory TEXT NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 1;";

std::optional<Intent> parse_intent(std::string_view word) {
  for (const Intent intent : {Intent::create, Intent::serve, Intent::drain, Intent::stop,
                              Intent::start, Intent::remove}) {
    if (word == to_string(intent)) return intent;
  }
  return std::nullopt;
}

// A prepared statement; everything it was given is copied.
class Statement {
 public:
  Statement(sqlite3* file, std::string_view sql) {
    sqlite3_prepare_v2(file, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  bool is_fine() const { return statement_ != nullptr; }
  Statement& bind(std::string_view text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);  // NOLINT: SQLite's own cast
    return *this;
  }
  Statement& bind(int64_t number) {
    sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }
  int step() { return sqlite3_step(statement_); }
  bool run() {
    const bool done = statement_ != nullptr && step() == SQLITE_DONE;
    sqlite3_reset(statement_);
    bound_ = 0;
    return done;
  }
  std::string text(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
  }
  int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// Rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(sqlite3* file) : file_(file) {
    open_ = sqlite3_exec(file_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  ~Transaction() {
    if (open_) sqlite3_exec(file_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  bool is_open() const { return open_; }
  bool commit() {
    if (sqlite3_exec(file_, "COMMIT", nullptr, nullptr, nullptr) != SQLITE_OK) return false;
    open_ = false;
    return true;
  }

 private:
  sqlite3* const file_;
  bool open_ = false;
};

WallTime wall_time(int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

}  // namespace

SqliteJournal::~SqliteJournal() { sqlite3_close_v2(file_); }

Error SqliteJournal::failure(const std::string& what) const {
  const int code = sqlite3_errcode(file_) & 0xFF;
  std::string detail = "journal " + path_ + ": " + what + ": " + sqlite3_errmsg(file_);
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    detail += "; it is damaged or no journal: move it away, what runs is found again without it";
    return make_error(ErrorCode::bad_message, std::move(detail));
  }
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    return make_error(ErrorCode::unavailable, std::move(detail));
  }
  return make_error(ErrorCode::io_error, std::move(detail));
}

Result<void> SqliteJournal::execute(const char* sql) {
  if (sqlite3_exec(file_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failure("can't be set up");
}

Result<std::unique_ptr<SqliteJournal>> SqliteJournal::open(const std::string& path) {
  // SQLite would make it readable by all.
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
  if (descriptor < 0) return error_from_errno(errno, "open the journal " + path);
  ::close(descriptor);
  sqlite3* file = nullptr;
  constexpr int kFlags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_EXRESCODE;
  const int opened = sqlite3_open_v2(path.c_str(), &file, kFlags, nullptr);
  std::unique_ptr<SqliteJournal> journal(new SqliteJournal(path, file));  // private constructor
  if (opened != SQLITE_OK) return journal->failure("can't be opened");
  sqlite3_busy_timeout(file, kBusyMilliseconds);
  if (Result<void> fine = journal->set_up(); !fine) return fine.error();
  return journal;
}

Result<void> SqliteJournal::set_up() {
  for (const char* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"}) {
    if (Result<void> done = execute(pragma); !done) return done;
  }
  {
    Statement check(file_, "PRAGMA quick_check(1)");
    if (!check.is_fine() || check.step() != SQLITE_ROW) return failure("can't be checked");
    if (check.text(0) != "ok") {
      return make_error(ErrorCode::bad_message,
                        "journal " + path_ + " is damaged (" + check.text(0) +
                            "): move it away, what runs is found again without it");
    }
  }
  Transaction transaction(file_);
  if (!transaction.is_open()) return failure("can't be written");
  int64_t version = 0;
  {
    Statement read(file_, "PRAGMA user_version");
    if (!read.is_fine() || read.step() != SQLITE_ROW) return failure("its version can't be read");
    version = read.number(0);
  }
  if (version > kSchemaVersion) {
    return make_error(ErrorCode::unsupported,
                      "journal " + path_ + " was written by a newer FlaskScale");
  }
  if (version == 0) {
    if (Result<void> made = execute(kSchema); !made) return made;
  }
  if (!transaction.commit()) return failure("can't be written");
  return {};
}

Result<void> SqliteJournal::intend(const std::string& pool,
                                   const std::vector<JournalEntry>& entries) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(file_);
  if (!transaction.is_open()) return failure("can't be written");
  // The first create call's time stays through later intents.
  Statement write(file_,
                  "INSERT INTO intents VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                  " ON CONFLICT (pool, instance) DO UPDATE SET intent = ?3, zone = ?4,"
                  " request_id = ?5, intended_ms = ?7");
  for (const JournalEntry& entry : entries) {
    if (!write.is_fine()) return failure("can't be written");
    write.bind(pool).bind(entry.instance).bind(to_string(entry.intent)).bind(entry.zone);
    write.bind(entry.request_id).bind(entry.created_at.time_since_epoch().count());
    write.bind(entry.intended_at.time_since_epoch().count());
    if (!write.run()) return failure("can't be written");
  }
  if (!transaction.commit()) return failure("can't be written");
  return {};
}

Result<void> SqliteJournal::forget(const std::string& pool,
                                   const std::vector<std::string>& instances) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(file_);
  if (!transaction.is_open()) return failure("can't be written");
  Statement erase(file_, "DELETE FROM intents WHERE pool = ? AND instance = ?");
  for (const std::string& instance : instances) {
    if (!erase.is_fine() || !erase.bind(pool).bind(instance).run()) {
      return failure("can't be written");
    }
  }
  if (!transaction.commit()) return failure("can't be written");
  return {};
}

Result<std::vector<JournalEntry>> SqliteJournal::entries(const std::string& pool) {
  const std::lock_guard lock(mutex_);
  Statement read(file_,
                 "SELECT instance, intent, zone, request_id, created_ms, intended_ms FROM intents"
                 " WHERE pool = ? ORDER BY instance");
  if (!read.is_fine()) return failure("can't be read");
  read.bind(pool);
  std::vector<JournalEntry> entries;
  int more = SQLITE_DONE;
  while ((more = read.step()) == SQLITE_ROW) {
    const std::optional<Intent> intent = parse_intent(read.text(1));
    if (!intent) {
      return make_error(ErrorCode::bad_message, "journal " + path_ + ": instance " + read.text(0) +
                                                    " has the unknown intent " + read.text(1));
    }
    JournalEntry entry;
    entry.instance = read.text(0);
    entry.intent = *intent;
    entry.zone = read.text(2);
    entry.request_id = read.text(3);
    entry.created_at = wall_time(read.number(4));
    entry.intended_at = wall_time(read.number(5));
    entries.push_back(std::move(entry));
  }
  if (more != SQLITE_DONE) return failure("can't be read");
  return entries;
}

Result<void> SqliteJournal::keep_memory(const std::string& pool, const std::string& memory) {
  const std::lock_guard lock(mutex_);
  Statement write(file_, "INSERT OR REPLACE INTO memories VALUES (?, ?)");
  if (!write.is_fine() || !write.bind(pool).bind(memory).run()) return failure("can't be written");
  return {};
}

Result<std::optional<std::string>> SqliteJournal::memory(const std::string& pool) {
  const std::lock_guard lock(mutex_);
  Statement read(file_, "SELECT memory FROM memories WHERE pool = ?");
  if (!read.is_fine()) return failure("can't be read");
  const int found = read.bind(pool).step();
  if (found == SQLITE_DONE) return std::optional<std::string>();
  if (found != SQLITE_ROW) return failure("can't be read");
  return std::optional<std::string>(read.text(0));
}

}  // namespace flaskscale::scaler
