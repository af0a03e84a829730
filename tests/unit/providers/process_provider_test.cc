#include "scaler/providers/process_provider.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "scaler/providers/child_process.h"

namespace flaskscale::scaler {
namespace {

// A server that accepts on the instance's port and prints a line.
constexpr const char* kServer =
    "import os, socket, sys, time\n"
    "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    "host, port = sys.argv[1].split(':'); s.bind((host, int(port))); s.listen()\n"
    "assert os.environ['PORT'] == port\n"
    "print('serving', os.environ['FLASKSCALE_INSTANCE'], flush=True)\n"
    "while True: s.accept()[0].close()\n";

InstanceCall call(const std::string& name) {
  InstanceCall call;
  call.names = {name};
  return call;
}

bool accepts(const std::string& address) {
  const auto port = static_cast<uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
  const FileDescriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  return connect(client.number(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

class ProcessProviderTest : public ::testing::Test {
 protected:
  ProcessProviderTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "flaskscale-test-XXXXXX";
    state_dir = mkdtemp(pattern.data());
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
    auto logger = std::make_shared<spdlog::logger>("test", sink);
    logger->set_pattern("%v");
    before = spdlog::default_logger();
    spdlog::set_default_logger(logger);
    settings.pool = "demo";
    settings.command = {"/usr/bin/python3", "-c", kServer, "{address}"};
    settings.stop_grace = std::chrono::seconds(20);
    settings.state_dir = state_dir;
    restart();
  }
  ~ProcessProviderTest() override {
    if (provider) provider->kill_all();
    provider.reset();
    spdlog::set_default_logger(before);
    std::filesystem::remove_all(state_dir);
  }

  void restart() {
    provider.reset();
    provider = std::make_unique<ProcessProvider>(settings, Random(static_cast<uint64_t>(getpid())),
                                                 [this] { return now; });
  }
  std::vector<InstanceReport> list() {
    auto listed = provider->list();
    EXPECT_TRUE(listed.has_value()) << (listed ? "" : listed.error().detail);
    return listed ? *listed : std::vector<InstanceReport>{};
  }
  // Lists until `condition`, as the control loop would.
  template <typename Condition>
  bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition(list())) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  bool eventually_gone() {
    return eventually([](const auto& reports) { return reports.empty(); });
  }
  bool eventually_logged(const std::string& text) {
    return eventually([&](const auto&) { return log.str().find(text) != std::string::npos; });
  }
  void use_shell(const std::string& script) {
    settings.command = {"sh", "-c", script};
    restart();
  }
  std::filesystem::path folder() const { return state_dir / "process" / "demo"; }
  size_t files() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      count += entry.path().filename() != "lock";
    }
    return count;
  }

  std::filesystem::path state_dir;
  std::ostringstream log;
  std::shared_ptr<spdlog::logger> before;
  ProcessSettings settings;
  Time now{std::chrono::hours(1)};
  std::unique_ptr<ProcessProvider> provider;
};

TEST_F(ProcessProviderTest, StartsAServerOnItsOwnPortAndPassesItsOutputOn) {
  ASSERT_TRUE(provider->check().has_value());
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());
  ASSERT_TRUE(provider->create(call("demo-b")).has_value());
  ASSERT_TRUE(provider->create(call("demo-b")).has_value());

  const auto reports = list();
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_NE(reports[0].address, reports[1].address);
  EXPECT_TRUE(reports[0].running);
  EXPECT_TRUE(eventually(
      [](const auto& all) { return accepts(all[0].address) && accepts(all[1].address); }));
  EXPECT_TRUE(eventually_logged("[demo-a] serving demo-a"));

  ASSERT_TRUE(provider->remove(call("demo-a")).has_value());
  ASSERT_TRUE(provider->remove(call("demo-b")).has_value());
  EXPECT_TRUE(eventually_gone());
  EXPECT_EQ(files(), 0U);
  EXPECT_TRUE(provider->remove(call("demo-a")).has_value());
}

TEST_F(ProcessProviderTest, KillsAfterTheGrace) {
  use_shell("trap '' TERM; echo up; while :; do sleep 0.05; done");
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());
  ASSERT_TRUE(eventually_logged("up"));
  const pid_t pid = std::stoi(list()[0].id);

  ASSERT_TRUE(provider->remove(call("demo-a")).has_value());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(list().size(), 1U);
  EXPECT_EQ(kill(pid, 0), 0);
  now += std::chrono::seconds(21);

  EXPECT_TRUE(eventually_gone());
  EXPECT_FALSE(start_time_of(pid).has_value());
}

TEST_F(ProcessProviderTest, ReportsHowAnInstanceEnded) {
  use_shell("exit 3");
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());
  EXPECT_TRUE(eventually([](const auto& all) { return all[0].exited; }));
  EXPECT_EQ(list()[0].detail, "exited with status 3");

  use_shell("kill -9 $$");
  ASSERT_TRUE(provider->create(call("demo-b")).has_value());
  EXPECT_TRUE(eventually([](const auto& all) { return all.back().exited; }));
  EXPECT_EQ(list().back().detail, "killed by signal 9");
  ASSERT_TRUE(provider->remove(call("demo-b")).has_value());
  EXPECT_TRUE(eventually([](const auto& all) { return all.empty() || all[0].name != "demo-b"; }));
}

TEST_F(ProcessProviderTest, EndsTheWorkersOfAMasterThatDied) {
  use_shell("sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & echo child $!; wait");
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());
  ASSERT_TRUE(eventually_logged("child"));
  const pid_t pid = std::stoi(list()[0].id);
  kill(pid, SIGKILL);
  ASSERT_TRUE(eventually([](const auto& all) { return all[0].exited; }));

  ASSERT_TRUE(provider->remove(call("demo-a")).has_value());
  EXPECT_EQ(list().size(), 1U);  // its worker still runs
  now += std::chrono::seconds(21);

  EXPECT_TRUE(eventually_gone());
}

TEST_F(ProcessProviderTest, TakesOverWhatAnEndedRunLeft) {
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());
  const std::string id = list()[0].id;
  ASSERT_TRUE(eventually([](const auto& all) { return accepts(all[0].address); }));

  restart();

  const auto reports = list();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].name, "demo-a");
  EXPECT_EQ(reports[0].id, id);
  EXPECT_TRUE(accepts(reports[0].address));
  ASSERT_TRUE(provider->remove(call("demo-a")).has_value());
  EXPECT_TRUE(eventually_gone());
}

TEST_F(ProcessProviderTest, EndsALeftoverWithAnotherCommand) {
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());
  const pid_t pid = std::stoi(list()[0].id);

  settings.command.push_back("--other");
  restart();

  EXPECT_TRUE(list().empty());
  EXPECT_TRUE(eventually([&](const auto&) { return kill(pid, 0) != 0; }));
  EXPECT_EQ(files(), 0U);
}

TEST_F(ProcessProviderTest, NeverTouchesAProcessThatOnlyHasTheSamePid) {
  ASSERT_TRUE(provider->list().has_value());
  provider.reset();
  auto old_run = std::make_unique<ProcessStateDir>(state_dir, "demo");
  ASSERT_TRUE(old_run->open().has_value());
  ProcessRecord record{"demo-a", {getpid(), 1}, boot_id(), 5000, fingerprint(settings), false};
  ASSERT_TRUE(old_run->write(record).has_value());
  record.name = "demo-b";
  record.boot_id = "another boot";
  record.process.start_time = *start_time_of(getpid());
  ASSERT_TRUE(old_run->write(record).has_value());
  std::ofstream(folder() / "demo-c.json") << "{\"name\":\"demo-c\",\"pid\":1";
  old_run.reset();

  restart();

  EXPECT_TRUE(list().empty());
  EXPECT_EQ(files(), 0U);
}

TEST_F(ProcessProviderTest, SaysWhichCommandIsMissing) {
  settings.command = {"no-such-command-here", "{port}"};
  restart();
  const Result<void> checked = provider->check();
  ASSERT_FALSE(checked.has_value());
  EXPECT_NE(checked.error().detail.find("\"no-such-command-here\""), std::string::npos);
  EXPECT_FALSE(provider->create(call("demo-a")).has_value());
  EXPECT_TRUE(list().empty());

  settings.command = {"sh"};
  settings.directory = "/no/such/folder";
  restart();
  EXPECT_NE(provider->check().error().detail.find("/no/such/folder"), std::string::npos);
  EXPECT_FALSE(provider->create(call("demo-a")).has_value());
  EXPECT_EQ(files(), 0U);
}

TEST_F(ProcessProviderTest, ReportsAProgramThatCanNotBeExecuted) {
  const std::filesystem::path script = state_dir / "broken";
  std::ofstream(script) << "#!/no/such/interpreter\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  settings.command = {script};
  restart();

  const Result<void> created = provider->create(call("demo-a"));

  ASSERT_FALSE(created.has_value());
  EXPECT_NE(created.error().detail.find("broken"), std::string::npos);
  EXPECT_EQ(files(), 0U);
}

TEST_F(ProcessProviderTest, SaysWhenTheStateFolderCanNotBeMade) {
  std::ofstream(state_dir / "file") << "x";
  settings.state_dir = state_dir / "file";
  restart();

  const Result<void> checked = provider->check();

  ASSERT_FALSE(checked.has_value());
  EXPECT_NE(checked.error().detail.find("state_dir"), std::string::npos);
  EXPECT_FALSE(provider->list().has_value());
  settings.state_dir = state_dir;
}

TEST_F(ProcessProviderTest, RefusesAStateFolderInUse) {
  ASSERT_TRUE(provider->check().has_value());
  ProcessProvider second(settings, Random(2));

  EXPECT_EQ(second.check().error().code, ErrorCode::unavailable);
  EXPECT_FALSE(second.list().has_value());
}

TEST_F(ProcessProviderTest, GivesTheChildNothingButItsOwn) {
  const FileDescriptor leak(dup(0));
  signal(SIGPIPE, SIG_IGN);
  use_shell(
      "ls /proc/self/fd | tr '\\n' ' '; grep -E 'SigBlk|SigIgn' /proc/self/status; pwd; echo end");
  settings.directory = "/usr";
  restart();
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());
  ASSERT_TRUE(eventually_logged("[demo-a] end"));
  signal(SIGPIPE, SIG_DFL);

  EXPECT_NE(log.str().find("[demo-a] 0 1 2 3 SigBlk:\t0000000000000000"), std::string::npos)
      << log.str();
  EXPECT_NE(log.str().find("SigIgn:\t0000000000000000"), std::string::npos) << log.str();
  EXPECT_NE(log.str().find("[demo-a] /usr"), std::string::npos);
}

TEST_F(ProcessProviderTest, BoundsTheOutputFile) {
  use_shell(
      "head -c 3000000 /dev/zero | tr '\\0' 'x'; printf 'forged\\033[2J\\n'; echo last; sleep 100");
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());

  EXPECT_TRUE(eventually_logged("[demo-a] last"));
  EXPECT_EQ(log.str().find('\033'), std::string::npos);
  EXPECT_TRUE(eventually(
      [&](const auto&) { return std::filesystem::file_size(folder() / "demo-a.log") < 2000000; }));
}

TEST_F(ProcessProviderTest, KillsEverythingAtOnceWhenAsked) {
  use_shell("trap '' TERM; while :; do sleep 0.05; done");
  ASSERT_TRUE(provider->create(call("demo-a")).has_value());
  const pid_t pid = std::stoi(list()[0].id);

  provider->kill_all();

  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_TRUE(list().empty());
  EXPECT_EQ(files(), 0U);
}

// A parent that dies while it announces a child leaves no program behind, and one that dies after
// leaves a record.
TEST(ChildProcess, NeverBeginsUnannounced) {
  std::string pattern = std::filesystem::temp_directory_path() / "flaskscale-test-XXXXXX";
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const std::filesystem::path mark = folder / "began";
  const pid_t parent = fork();
  if (parent == 0) {
    ChildSpec spec;
    spec.path = "/bin/sh";
    spec.arguments = {"sh", "-c", "touch " + mark.string()};
    spec.output = 2;
    (void)start_child(spec, [&](const ProcessIdentity& child) -> Result<void> {
      std::ofstream(folder / "child") << child.pid << std::flush;
      raise(SIGKILL);
      return {};
    });
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  ASSERT_TRUE(WIFSIGNALED(status));
  pid_t child = 0;
  std::ifstream(folder / "child") >> child;
  ASSERT_GT(child, 1);

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (start_time_of(child) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_FALSE(start_time_of(child).has_value());
  EXPECT_FALSE(std::filesystem::exists(mark));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace flaskscale::scaler
