#include "scaler/providers/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <sstream>

#include "scaler/providers/file_descriptor.h"

namespace flaskscale::scaler {
namespace {

// The child's descriptors, beside 0 to 2: set apart from whatever numbers the parent had for them.
constexpr int kGo = 3;
constexpr int kReport = 4;
constexpr int kFirstFree = 5;
constexpr int kSafeBase = 64;

// A pair of sockets, since writing to one whose reader has died can be kept from raising SIGPIPE.
Result<Pipe> make_channel() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return error_from_errno(errno, "socket pair for a new instance");
  }
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

// Everything the child needs, made before the fork: between fork and exec only async-signal-safe
// calls are allowed, since other threads may have held any lock.
struct Prepared {
  const char* path;
  char* const* arguments;
  char* const* environment;
  const char* directory;  // null: stays
  int input;
  int output;
  int error;
  int go;
  int report;
};

[[noreturn]] void fail(int report) {
  const int error = errno;
  while (write(report, &error, sizeof error) < 0 && errno == EINTR) {
  }
  _exit(127);
}

void close_from(unsigned first) {
  if (syscall(SYS_close_range, first, ~0U, 0U) == 0) return;
  constexpr unsigned kMost = 65536;  // a kernel older than 5.9
  for (unsigned fd = first; fd < kMost; ++fd) close(static_cast<int>(fd));
}

[[noreturn]] void become_program(const Prepared& prepared) {
  // First out of the way of the numbers they are going to have, then onto them.
  const int go = fcntl(prepared.go, F_DUPFD_CLOEXEC, kSafeBase);
  const int report = fcntl(prepared.report, F_DUPFD_CLOEXEC, kSafeBase);
  const int input = fcntl(prepared.input, F_DUPFD_CLOEXEC, kSafeBase);
  const int output = fcntl(prepared.output, F_DUPFD_CLOEXEC, kSafeBase);
  const int error = fcntl(prepared.error, F_DUPFD_CLOEXEC, kSafeBase);
  if (go < 0 || report < 0 || input < 0 || output < 0 || error < 0) fail(prepared.report);
  if (dup3(go, kGo, O_CLOEXEC) < 0 || dup3(report, kReport, O_CLOEXEC) < 0) fail(report);
  if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0) fail(kReport);
  close_from(kFirstFree);

  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (setsid() < 0) fail(kReport);

  // Nothing runs that the parent has not written down: without its word this process ends.
  char word = 0;
  ssize_t got = 0;
  do {
    got = read(kGo, &word, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) _exit(127);

  if (prepared.directory != nullptr && chdir(prepared.directory) != 0) fail(kReport);
  execve(prepared.path, prepared.arguments, prepared.environment);
  fail(kReport);
}

// All signals are held off from before the fork until the child has reset its handlers: a handler
// of this program must not run in the child, where it would write into pipes shared with the
// parent.
pid_t fork_quietly(const Prepared& prepared) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) become_program(prepared);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

// What the child reported before exec; 0: the program has begun.
int read_report(int report) {
  int error = 0;
  ssize_t got = 0;
  do {
    got = read(report, &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  return got == sizeof error ? error : 0;
}

}  // namespace

Result<ProcessIdentity> start_child(
    const ChildSpec& spec, const std::function<Result<void>(const ProcessIdentity&)>& announce) {
  Result<Pipe> go = make_channel();
  if (!go) return go.error();
  Result<Pipe> report = make_pipe("pipe for a new instance");
  if (!report) return report.error();
  FileDescriptor null_input;
  if (spec.input < 0) {
    null_input.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null_input) return error_from_errno(errno, "open /dev/null");
  }
  const std::vector<char*> arguments = pointers(spec.arguments);
  const std::vector<char*> environment = pointers(spec.environment);
  const pid_t pid = fork_quietly({spec.path.c_str(), arguments.data(), environment.data(),
                                  spec.directory.empty() ? nullptr : spec.directory.c_str(),
                                  spec.input < 0 ? null_input.number() : spec.input, spec.output,
                                  spec.error < 0 ? spec.output : spec.error, go->read.number(),
                                  report->write.number()});
  if (pid < 0) return error_from_errno(errno, "fork for " + spec.arguments[0]);
  report->write.reset();
  go->read.reset();

  const auto failed_before_exec = [&](int error) {
    std::string what = "start command \"" + spec.arguments[0] + "\"";
    if (!spec.directory.empty()) what += " in " + spec.directory;
    return error_from_errno(error, what);
  };
  const auto give_up = [&](Error error) {
    go->write.reset();
    kill(pid, SIGKILL);
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return error;
  };
  const auto start_time = start_time_of(pid);
  if (!start_time) {
    const int error = read_report(report->read.number());
    return give_up(failed_before_exec(error != 0 ? error : ESRCH));
  }
  const ProcessIdentity identity{pid, *start_time};
  if (const Result<void> announced = announce(identity); !announced)
    return give_up(announced.error());
  const ssize_t sent = send(go->write.number(), "", 1, MSG_NOSIGNAL);
  const int send_error = sent == 1 ? 0 : errno;
  const int error = read_report(report->read.number());
  if (error != 0 || send_error != 0) {
    return give_up(failed_before_exec(error != 0 ? error : send_error));
  }
  return identity;
}

Result<std::string> find_command(const std::string& command, const std::string& directory,
                                 const std::string& search_path) {
  const auto is_program = [&](const std::string& path) {
    const bool relative = path[0] != '/' && !directory.empty();
    const std::string from_here = relative ? directory + "/" + path : path;
    struct stat info {};
    return stat(from_here.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
           access(from_here.c_str(), X_OK) == 0;
  };
  if (command.empty()) return make_error(ErrorCode::invalid_argument, "the command is empty");
  if (command.find('/') != std::string::npos) {
    if (is_program(command)) return command;
    return make_error(ErrorCode::not_found,
                      "command \"" + command + "\" is not there or not executable" +
                          (directory.empty() ? "" : " (directory " + directory + ")"));
  }
  std::istringstream folders(search_path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = (folder.empty() ? "." : folder) + "/" + command;
    if (is_program(path)) return path;
  }
  return make_error(ErrorCode::not_found,
                    "command \"" + command + "\" was not found on PATH (" + search_path + ")");
}

}  // namespace flaskscale::scaler
