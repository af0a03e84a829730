#include "proxy/admin/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "tests/unit/admin/allocation_count.h"

namespace flaskscale::admin {
namespace {

using balancer::ExchangeRecord;
using std::chrono::microseconds;
using testing::HasSubstr;

ExchangeRecord sample() {
  ExchangeRecord record;
  record.started_ms = 1'767'323'045'678;
  record.client = "192.0.2.7";
  record.method = "GET";
  record.host = "shop.example.com";
  record.path = "/cart?item=1";
  record.protocol = "HTTP/1.1";
  record.pool = "shop";
  record.backend = "10.0.0.5:8000";
  record.instance = "shop-ab12";
  record.request_id = "0123456789abcdef";
  record.user_agent = "curl/7.88.1";
  record.referer = "https://example.com/";
  record.status = 200;
  record.bytes_in = 120;
  record.bytes_out = 4096;
  record.retries = 1;
  record.queue = microseconds(0);
  record.first_byte = microseconds(12045);
  record.total = microseconds(13999);
  return record;
}

std::string format(AccessLogFormat format, const ExchangeRecord& record) {
  std::string line(line_bound(record), '\0');
  DateCache date;
  line.resize(static_cast<size_t>(write_line(format, record, date, line.data()) - line.data()));
  return line;
}

std::string text_escape(int c) {
  if (c == '"' || c == '\\') return {'\\', static_cast<char>(c)};
  if (c >= 0x20 && c < 0x7f) return {static_cast<char>(c)};
  constexpr std::string_view kHex = "0123456789abcdef";
  return std::string("\\x") + kHex[static_cast<size_t>(c / 16)] + kHex[static_cast<size_t>(c % 16)];
}

nlohmann::json parse(const std::string& line) { return nlohmann::json::parse(line); }

class AccessLogFile : public testing::Test {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    std::string pattern = (std::filesystem::temp_directory_path() / "access_log_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ / "access.log";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::shared_ptr<LogFile> open() {
    auto file = LogFile::open(path_.string());
    EXPECT_TRUE(file.has_value());
    return *file;
  }
  static std::vector<std::string> lines_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
};

TEST(AccessLogFormat, WritesJsonWithEveryKey) {
  const std::string line = format(AccessLogFormat::json, sample());

  EXPECT_EQ(line,
            "{\"time\":\"2026-01-02T03:04:05.678Z\",\"client\":\"192.0.2.7\",\"method\":\"GET\","
            "\"host\":\"shop.example.com\",\"path\":\"/cart?item=1\",\"protocol\":\"HTTP/1.1\","
            "\"status\":200,\"reason\":\"ok\",\"pool\":\"shop\",\"backend\":\"10.0.0.5:8000\","
            "\"instance\":\"shop-ab12\",\"bytes_in\":120,\"bytes_out\":4096,\"retries\":1,"
            "\"queue_ms\":0.000,\"connect_ms\":null,\"first_byte_ms\":12.045,\"total_ms\":13.999,"
            "\"request_id\":\"0123456789abcdef\",\"user_agent\":\"curl/7.88.1\","
            "\"referer\":\"https://example.com/\"}\n");
}

TEST(AccessLogFormat, WritesTextAsCombinedLogAndMore) {
  const std::string line = format(AccessLogFormat::text, sample());

  EXPECT_EQ(line,
            "192.0.2.7 - - [02/Jan/2026:03:04:05 +0000] \"GET /cart?item=1 HTTP/1.1\" 200 4096 "
            "\"https://example.com/\" \"curl/7.88.1\" reason=ok queue_ms=0.000 connect_ms=- "
            "first_byte_ms=12.045 total_ms=13.999 pool=shop backend=10.0.0.5:8000 "
            "instance=shop-ab12 retries=1 bytes_in=120 host=\"shop.example.com\" "
            "request_id=\"0123456789abcdef\"\n");
}

TEST(AccessLogFormat, WritesAnEmptyRecord) {
  const ExchangeRecord record;

  EXPECT_EQ(parse(format(AccessLogFormat::json, record))["status"], 0);
  EXPECT_THAT(format(AccessLogFormat::text, record),
              HasSubstr("- - - [01/Jan/1970:00:00:00 +0000] \"  \" - 0 \"-\" \"-\" reason=ok"));
}

TEST(AccessLogFormat, EscapesEveryByte) {
  std::string hostile;
  for (int c = 0; c < 256; ++c) hostile.push_back(static_cast<char>(c));
  ExchangeRecord record = sample();
  record.path = record.user_agent = record.method = record.host = record.client = hostile;

  const std::string json = format(AccessLogFormat::json, record);
  const std::string text = format(AccessLogFormat::text, record);

  EXPECT_EQ(parse(json)["path"].get<std::string>().substr(0, 128), hostile.substr(0, 128));
  EXPECT_EQ(json.find('\n'), json.size() - 1);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  for (const char c : text.substr(0, text.size() - 1)) {
    EXPECT_GE(static_cast<unsigned char>(c), 0x20);
    EXPECT_LT(static_cast<unsigned char>(c), 0x7f);
  }
}

TEST(AccessLogFormat, EscapesAByteWhereverItStands) {
  for (int c = 0; c < 256; ++c) {
    for (size_t place = 0; place < 16; ++place) {
      std::string path = "/~!#[]^aZ09 _-/.";
      path[place] = static_cast<char>(c);
      ExchangeRecord record = sample();
      record.path = path;

      const std::string shown = parse(format(AccessLogFormat::json, record))["path"];
      const std::string text = format(AccessLogFormat::text, record);

      EXPECT_EQ(shown,
                c < 0x80 ? path : path.substr(0, place) + "\xef\xbf\xbd" + path.substr(place + 1));
      const std::string in_text = path.substr(0, place) + text_escape(c) + path.substr(place + 1);
      EXPECT_THAT(text, HasSubstr("\"GET " + in_text + " HTTP/1.1\""));
    }
  }
}

TEST(AccessLogFormat, KeepsGoodUtf8AndReplacesBad) {
  ExchangeRecord record = sample();
  record.path = "/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  record.user_agent = "\xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80 \xe2\x82 \xc2\x9b \xff";

  const std::string line = format(AccessLogFormat::json, record);

  EXPECT_EQ(parse(line)["path"], "/\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_THAT(parse(line)["user_agent"].get<std::string>(), testing::StartsWith("\xef\xbf\xbd"));
  EXPECT_EQ(line.find('\xc2'), std::string::npos);
}

TEST(AccessLogFormat, CutsLongValuesAndStaysWithinItsBound) {
  const std::string huge(1 << 20, '\x01');
  ExchangeRecord record = sample();
  record.client = record.method = record.host = record.path = record.protocol = huge;
  record.reason = record.pool = record.backend = record.instance = huge;
  record.request_id = record.user_agent = record.referer = huge;
  record.bytes_in = record.bytes_out = UINT64_MAX;
  record.queue = record.connect = record.first_byte = record.total = Duration::max();
  record.started_ms = INT64_MAX;

  for (const auto kind : {AccessLogFormat::json, AccessLogFormat::text}) {
    const std::string line = format(kind, record);
    EXPECT_LE(line.size(), line_bound(record));
    EXPECT_LE(line_bound(record), kMaxLineBytes);
    EXPECT_THAT(line, HasSubstr("..."));
  }
}

TEST(AccessLogFormat, StaysWithinItsBoundForRandomBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 3000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    ExchangeRecord record = sample();
    record.path = record.user_agent = record.host = bytes;
    record.started_ms = static_cast<int64_t>(random()) * (round % 2 == 0 ? 1 : -1000000);
    const std::string json = format(AccessLogFormat::json, record);
    EXPECT_LE(json.size(), line_bound(record));
    EXPECT_TRUE(nlohmann::json::accept(json));
    EXPECT_LE(format(AccessLogFormat::text, record).size(), line_bound(record));
  }
}

TEST(DateCache, KnowsLeapDaysAndTheEndOfTime) {
  DateCache date;
  EXPECT_EQ(date.iso(951'782'400), "2000-02-29T00:00:00");
  EXPECT_EQ(date.iso(951'868'799), "2000-02-29T23:59:59");
  EXPECT_EQ(date.common_log(951'868'800), "01/Mar/2000:00:00:00 +0000");
  EXPECT_EQ(date.iso(-5), "1970-01-01T00:00:00");
  EXPECT_EQ(date.iso(INT64_MAX), "9999-12-31T23:59:59");
}

TEST_F(AccessLogFile, WritesGatheredLinesOnFlush) {
  AccessLog log(open(), AccessLogFormat::json);
  log.on_exchange(sample());
  log.on_exchange(sample());
  EXPECT_EQ(lines_of(path_).size(), 0U);

  log.flush();

  EXPECT_EQ(lines_of(path_).size(), 2U);
  EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(AccessLogFile, WritesWhatIsLeftWhenItEnds) {
  {
    AccessLog log(open(), AccessLogFormat::text);
    log.on_exchange(sample());
  }
  EXPECT_EQ(lines_of(path_).size(), 1U);
}

TEST_F(AccessLogFile, WritesAFullBufferWithoutAFlush) {
  AccessLog log(open(), AccessLogFormat::json);
  const size_t line = format(AccessLogFormat::json, sample()).size();
  for (size_t i = 0; i < AccessLog::kWriteAt / line + 2; ++i) log.on_exchange(sample());

  EXPECT_GE(std::filesystem::file_size(path_), AccessLog::kWriteAt);
  EXPECT_EQ(std::filesystem::file_size(path_) % line, 0U);
}

TEST_F(AccessLogFile, DoesNothingWhenOff) {
  AccessLog log(nullptr, AccessLogFormat::json);
  log.on_exchange(sample());
  log.flush();
  EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(AccessLogFile, GoesOnInANewFileAfterARotation) {
  const auto file = open();
  AccessLog log(file, AccessLogFormat::json);
  log.on_exchange(sample());
  log.flush();
  std::filesystem::rename(path_, directory_ / "access.log.1");
  log.on_exchange(sample());
  log.flush();

  ASSERT_TRUE(file->reopen().has_value());
  log.on_exchange(sample());
  log.flush();

  EXPECT_EQ(lines_of(directory_ / "access.log.1").size(), 2U);
  EXPECT_EQ(lines_of(path_).size(), 1U);
}

TEST_F(AccessLogFile, KeepsTheOldFileWhenTheNewOneCannotBeOpened) {
  const auto file = open();
  AccessLog log(file, AccessLogFormat::json);
  const auto moved = directory_.string() + ".moved";
  std::filesystem::rename(directory_, moved);

  const auto reopened = file->reopen();
  log.on_exchange(sample());
  log.flush();

  EXPECT_FALSE(reopened.has_value());
  EXPECT_EQ(lines_of(std::filesystem::path(moved) / "access.log").size(), 1U);
  std::filesystem::rename(moved, directory_);
}

TEST_F(AccessLogFile, DropsAndCountsWhenAPipeIsFullAndGoesOnWhenItIsRead) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const int reader = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  uint64_t offered = 0;
  uint64_t dropped = 0;
  std::string received;
  const auto read_all = [&] {
    char bytes[65536];
    for (ssize_t n = 0; (n = ::read(reader, bytes, sizeof bytes)) > 0;) {
      received.append(bytes, static_cast<size_t>(n));
    }
  };
  {
    AccessLog log(open(), AccessLogFormat::json);
    for (; offered < 2000; ++offered) log.on_exchange(sample());
    log.flush();
    dropped = log.dropped();
    EXPECT_GT(dropped, 0U);

    for (int i = 0; i < 8; ++i) {
      read_all();
      log.flush();
    }
    for (; offered < 2100; ++offered) log.on_exchange(sample());
    log.flush();
    read_all();
    EXPECT_EQ(log.dropped(), dropped);
  }
  read_all();
  ::close(reader);

  std::istringstream lines(received);
  uint64_t whole = 0;
  for (std::string line; std::getline(lines, line); ++whole) {
    ASSERT_TRUE(nlohmann::json::accept(line)) << line;
  }
  EXPECT_EQ(whole + dropped, offered);
}

TEST_F(AccessLogFile, SurvivesAReaderThatLeft) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const int reader = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  AccessLog log(open(), AccessLogFormat::json);
  ::close(reader);

  for (int i = 0; i < 2000; ++i) log.on_exchange(sample());
  log.flush();

  EXPECT_GT(log.dropped(), 0U);
}

TEST(AccessLog, DropsAndCountsWhenTheDiskIsFull) {
  auto file = LogFile::open("/dev/full");
  ASSERT_TRUE(file.has_value());
  AccessLog log(*file, AccessLogFormat::json);

  for (int i = 0; i < 2000; ++i) log.on_exchange(sample());
  log.flush();

  EXPECT_GT(log.dropped(), 1000U);
}

TEST(AccessLog, NeverAllocatesInSteadyState) {
  auto file = LogFile::open("/dev/null");
  ASSERT_TRUE(file.has_value());
  AccessLog json(*file, AccessLogFormat::json);
  AccessLog text(*file, AccessLogFormat::text);

  const uint64_t before = allocations_of_this_thread();
  for (int i = 0; i < 5000; ++i) {
    json.on_exchange(sample());
    text.on_exchange(sample());
  }
  json.flush();

  EXPECT_EQ(allocations_of_this_thread(), before);
}

TEST_F(AccessLogFile, KeepsLinesWholeWhenWorkersWriteAndTheFileIsReopened) {
  const auto file = open();
  constexpr int kWorkers = 3;
  constexpr int kLines = 3000;
  std::atomic<int> running{kWorkers};
  std::atomic<uint64_t> dropped{0};
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&] {
      AccessLog log(file, AccessLogFormat::json);
      for (int i = 0; i < kLines; ++i) {
        log.on_exchange(sample());
        if (i % 100 == 0) log.flush();
      }
      dropped += log.dropped();
      --running;
    });
  }
  int rotation = 0;
  do {
    std::filesystem::rename(path_, directory_ / ("rotated." + std::to_string(++rotation)));
    ASSERT_TRUE(file->reopen().has_value());
  } while (running.load() > 0 && rotation < 500);
  for (std::thread& worker : workers) worker.join();

  size_t whole = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    for (const std::string& line : lines_of(entry.path())) {
      ASSERT_TRUE(nlohmann::json::accept(line)) << line;
      ++whole;
    }
  }
  EXPECT_EQ(whole + dropped.load(), size_t{kWorkers} * kLines);
}

}  // namespace
}  // namespace flaskscale::admin
