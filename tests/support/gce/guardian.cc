#include "tests/support/gce/guardian.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <set>

#include "base/check.h"

namespace flaskscale::emulator {
namespace {

// Runs in a process of its own until the other end of the pipe closes.
[[noreturn]] void guard(int pipe) {
  setsid();
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
  prctl(PR_SET_NAME, "gce-guardian");
  std::set<pid_t> groups;
  for (;;) {
    pid_t message = 0;
    const ssize_t count = read(pipe, &message, sizeof message);
    if (count < 0 && errno == EINTR) continue;
    if (count != sizeof message) break;
    if (message > 0) groups.insert(message);
    if (message < 0) groups.erase(-message);
  }
  for (const pid_t group : groups) kill(-group, SIGKILL);
  _exit(0);
}

}  // namespace

Guardian::Guardian() {
  int ends[2] = {-1, -1};
  FS_CHECK(pipe2(ends, O_CLOEXEC) == 0);
  process_ = fork();
  FS_CHECK(process_ >= 0);
  if (process_ == 0) {
    close(ends[1]);
    guard(ends[0]);
  }
  close(ends[0]);
  pipe_ = ends[1];
}

Guardian::~Guardian() {
  close(pipe_);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

// Writes of this size are atomic.
void Guardian::tell(pid_t message) {
  while (write(pipe_, &message, sizeof message) < 0 && errno == EINTR) {
  }
}

}  // namespace flaskscale::emulator
