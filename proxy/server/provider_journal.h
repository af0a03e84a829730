// The journal's rows of one provider: a pool whose provider changes begins with a clean page, and
// the other provider's page is still there.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scaler/journal.h"

namespace flaskscale::server {

class ProviderJournal final : public scaler::Journal {
 public:
  ProviderJournal(std::shared_ptr<scaler::Journal> journal, std::string provider)
      : journal_(std::move(journal)), provider_(std::move(provider)) {}

  Result<void> intend(const std::string& pool,
                      const std::vector<scaler::JournalEntry>& entries) override {
    return journal_->intend(key(pool), entries);
  }
  Result<void> forget(const std::string& pool, const std::vector<std::string>& instances) override {
    return journal_->forget(key(pool), instances);
  }
  Result<std::vector<scaler::JournalEntry>> entries(const std::string& pool) override {
    return journal_->entries(key(pool));
  }
  Result<void> keep_memory(const std::string& pool, const std::string& memory) override {
    return journal_->keep_memory(key(pool), memory);
  }
  Result<std::optional<std::string>> memory(const std::string& pool) override {
    return journal_->memory(key(pool));
  }

 private:
  // No pool's name holds a "/".
  std::string key(const std::string& pool) const { return pool + "/" + provider_; }

  const std::shared_ptr<scaler::Journal> journal_;
  const std::string provider_;
};

}  // namespace flaskscale::server
