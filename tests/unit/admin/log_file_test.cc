#include "proxy/admin/log_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

namespace flaskscale::admin {
namespace {

// Puts another descriptor in the place of standard output for as long as it lives.
class StandardOutput {
 public:
  explicit StandardOutput(int descriptor) {
    std::fflush(stdout);
    saved_ = ::dup(STDOUT_FILENO);
    ::dup2(descriptor, STDOUT_FILENO);
  }
  ~StandardOutput() {
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }

 private:
  int saved_ = -1;
};

// What can be read now from a descriptor that does not wait.
std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 65536> bytes;
  for (ssize_t n = 0; (n = ::read(descriptor, bytes.data(), bytes.size())) > 0;) {
    text.append(bytes.data(), static_cast<size_t>(n));
  }
  return text;
}

// Lines "aaaa…\n" of 100 bytes.
std::string many_lines(size_t count) {
  std::string lines;
  for (size_t i = 0; i < count; ++i) lines += std::string(99, 'a') + "\n";
  return lines;
}

// Writes until nothing is taken any more; returns how many bytes were taken.
size_t fill(LogFile& file, size_t at_most) {
  size_t taken = 0;
  const std::string lines = many_lines(1000);
  while (taken < at_most) {
    const size_t n = file.write(lines, LogFile::Contention::wait);
    EXPECT_EQ(n % 100, 0U);
    if (n == 0) break;
    taken += n;
  }
  return taken;
}

constexpr size_t kMuch = 64 << 20;

TEST(LogFile, SaysWhichPathCannotBeOpened) {
  const auto file = LogFile::open("/nonexistent/access.log");

  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code, ErrorCode::not_found);
  EXPECT_NE(file.error().detail.find("/nonexistent/access.log"), std::string::npos);
}

TEST(LogFile, NeverWaitsForThePipeOnStandardOutputNorMakesItNonBlocking) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  ::fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  size_t taken = 0;
  std::string received;
  {
    StandardOutput output(pipe[1]);
    auto file = LogFile::open("-");
    ASSERT_TRUE(file.has_value());
    taken = fill(**file, kMuch);
    received = read_all(pipe[0]);
    taken += (*file)->write("end\n", LogFile::Contention::wait);
    EXPECT_TRUE((*file)->reopen().has_value());
  }
  received += read_all(pipe[0]);

  EXPECT_LT(taken, kMuch);
  EXPECT_EQ(received.size(), taken);
  EXPECT_EQ(received.substr(received.size() - 5), "\nend\n");
  EXPECT_EQ(::fcntl(pipe[1], F_GETFL) & O_NONBLOCK, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(LogFile, NeverWaitsForTheSocketOnStandardOutput) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  ::fcntl(pair[0], F_SETFL, O_NONBLOCK);
  size_t taken = 0;
  std::string received;
  {
    StandardOutput output(pair[1]);
    auto file = LogFile::open("-");
    ASSERT_TRUE(file.has_value());
    taken = fill(**file, kMuch);
    received = read_all(pair[0]);
    taken += (*file)->write("end\n", LogFile::Contention::wait);
  }
  received += read_all(pair[0]);

  EXPECT_LT(taken, kMuch);
  EXPECT_EQ(received.size(), taken);
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST(LogFile, SharesARegularFileWithStandardOutput) {
  std::FILE* target = std::tmpfile();
  ASSERT_NE(target, nullptr);
  const int descriptor = ::fileno(target);
  {
    StandardOutput output(descriptor);
    auto file = LogFile::open("-");
    ASSERT_TRUE(file.has_value());
    ASSERT_EQ(::write(STDOUT_FILENO, "one\n", 4), 4);
    EXPECT_EQ((*file)->write("two\n", LogFile::Contention::give_up), 4U);
    ASSERT_EQ(::write(STDOUT_FILENO, "three\n", 6), 6);
  }
  ::lseek(descriptor, 0, SEEK_SET);

  EXPECT_EQ(read_all(descriptor), "one\ntwo\nthree\n");
  std::fclose(target);
}

TEST(LogFile, SaysSoWhenStandardOutputIsClosed) {
  const int saved = ::dup(STDOUT_FILENO);
  ::close(STDOUT_FILENO);
  const auto file = LogFile::open("-");
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);

  ASSERT_FALSE(file.has_value());
  EXPECT_NE(file.error().detail.find("standard output"), std::string::npos);
}

}  // namespace
}  // namespace flaskscale::admin
