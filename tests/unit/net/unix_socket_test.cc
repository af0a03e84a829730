// Unix sockets: their addresses, their files, and bytes through them.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "proxy/net/listen_socket.h"
#include "proxy/net/socket_address.h"

namespace flaskscale::net {
namespace {

class UnixSocket : public testing::Test {
 protected:
  UnixSocket() {
    std::array<char, 32> folder{"/tmp/flaskscale-unix-XXXXXX"};
    folder_ = ::mkdtemp(folder.data());
    path_ = folder_ + "/web.sock";
  }
  ~UnixSocket() override { std::filesystem::remove_all(folder_); }

  SocketAddress address() const { return SocketAddress::from_unix_path(path_); }
  bool is_there() const { return std::filesystem::exists(path_); }
  bool connects() const {
    const OwnedFd client(::socket(AF_UNIX, SOCK_STREAM, 0));
    const SocketAddress to = address();
    return ::connect(client.get(), to.raw(), to.length()) == 0;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(UnixSocket, HasAnAddressOfItsPath) {
  EXPECT_TRUE(address().is_unix());
  EXPECT_EQ(address().to_string(), "unix:" + path_);
  EXPECT_EQ(address().unix_path(), path_);
  EXPECT_EQ(address().port(), 0);
  EXPECT_EQ(address().ip(), IpAddress());
  EXPECT_EQ(SocketAddress::from_text("unix:/a/b")->to_string(), "unix:/a/b");
  EXPECT_EQ(SocketAddress::from_text("[::1]:80")->to_string(), "[::1]:80");
  EXPECT_FALSE(SocketAddress::from_text("unix:a"));
}

TEST_F(UnixSocket, IsSharedByAllWorkersAndHasItsMode) {
  const auto sockets = bind_unix_listeners(address(), 3, 0640);
  ASSERT_TRUE(sockets) << sockets.error().detail;
  EXPECT_EQ(sockets->size(), 3U);
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  EXPECT_EQ(local_address((*sockets)[2].get()).unix_path(), path_);
  ASSERT_TRUE(connects());
  EXPECT_GE(OwnedFd(::accept((*sockets)[1].get(), nullptr, nullptr)).get(), 0);
}

TEST_F(UnixSocket, TakesThePlaceOfAFileThatNobodyListensOn) {
  { ASSERT_TRUE(bind_unix_listeners(address(), 1, 0660)); }
  ASSERT_TRUE(is_there());
  ASSERT_FALSE(connects());
  const auto again = bind_unix_listeners(address(), 1, 0660);
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_TRUE(connects());
}

TEST_F(UnixSocket, LeavesWhatIsInUseOrNoSocket) {
  const auto first = bind_unix_listeners(address(), 1, 0660);
  ASSERT_TRUE(first);
  const auto second = bind_unix_listeners(address(), 1, 0660);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().detail.find("another program"), std::string::npos);
  EXPECT_TRUE(connects());

  const std::string file = folder_ + "/file";
  std::ofstream(file) << "precious";
  EXPECT_FALSE(bind_unix_listeners(SocketAddress::from_unix_path(file), 1, 0660));
  EXPECT_TRUE(std::filesystem::exists(file));
  const auto nowhere =
      bind_unix_listeners(SocketAddress::from_unix_path(folder_ + "/no/x"), 1, 0660);
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().detail.find("folder"), std::string::npos);
}

TEST_F(UnixSocket, RemovesItsFileUnlessItIsAnother) {
  {
    const auto sockets = bind_unix_listeners(address(), 1, 0660);
    SocketFile first(path_);
    const SocketFile moved(std::move(first));
    moved.set_mode(0600);
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
  }
  EXPECT_FALSE(is_there());
  {
    const auto sockets = bind_unix_listeners(address(), 1, 0660);
    const SocketFile file(path_);
    // Kept, so that its inode is not given away again.
    std::filesystem::rename(path_, folder_ + "/old");
    std::ofstream(path_) << "of somebody else";
  }
  EXPECT_TRUE(is_there());
}

}  // namespace
}  // namespace flaskscale::net
