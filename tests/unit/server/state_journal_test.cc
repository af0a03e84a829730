#include "proxy/server/state_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // NOLINT: mkdtemp
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "proxy/server/provider_journal.h"
#include "scaler/journal_sqlite.h"

namespace flaskscale::server {
namespace {

using testing::HasSubstr;

Result<std::unique_ptr<scaler::Journal>> open_sqlite(const std::string& path) {
  auto opened = scaler::SqliteJournal::open(path);
  if (!opened) return std::move(opened).error();
  return std::unique_ptr<scaler::Journal>(*std::move(opened));
}

class StateJournalTest : public testing::Test {
 protected:
  StateJournalTest() {
    std::string pattern = testing::TempDir() + "state-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~StateJournalTest() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<StateJournal> journal() {
    return std::make_shared<StateJournal>(folder_ + "/state", open_sqlite, [this] { return now_; });
  }

  std::string folder_;
  Time now_{};
};

TEST_F(StateJournalTest, MakesItsFolderAndRemembers) {
  ASSERT_TRUE(journal()->keep_memory("shop", "what was learned"));

  EXPECT_EQ(journal()->memory("shop").value_or(std::nullopt), "what was learned");
}

TEST_F(StateJournalTest, SecondProgramIsTurnedAwayUntilTheFirstEnds) {
  auto first = journal();
  const auto second = journal();
  ASSERT_TRUE(first->open());

  const auto refused = second->entries("shop");

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_THAT(refused.error().detail, HasSubstr("another FlaskScale (process " +
                                                std::to_string(getpid()) + ") scales with"));
  first.reset();
  EXPECT_FALSE(second->entries("shop")) << "it is not tried again at once";
  now_ += std::chrono::seconds(5);
  EXPECT_TRUE(second->entries("shop"));
}

TEST_F(StateJournalTest, FolderThatCanNotBeMadeIsAnErrorUntilItCan) {
  std::filesystem::create_symlink(folder_ + "/nowhere/at/all", folder_ + "/state");
  const auto waiting = journal();

  const auto refused = waiting->open();

  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail, HasSubstr("state_dir"));
  std::filesystem::remove(folder_ + "/state");
  now_ += std::chrono::seconds(5);
  EXPECT_TRUE(waiting->open());
}

TEST_F(StateJournalTest, ProvidersHavePagesOfTheirOwn) {
  const auto shared = journal();
  ProviderJournal docker(shared, "docker");
  ProviderJournal gce(shared, "gce");
  scaler::JournalEntry entry;
  entry.instance = "shop-1";

  ASSERT_TRUE(docker.intend("shop", {entry}));

  EXPECT_EQ(gce.entries("shop").value_or({}).size(), 0U);
  EXPECT_EQ(docker.entries("shop").value_or({}).size(), 1U);
  ASSERT_TRUE(docker.forget("shop", {"shop-1"}));
  EXPECT_EQ(docker.entries("shop").value_or({}).size(), 0U);
}

}  // namespace
}  // namespace flaskscale::server
