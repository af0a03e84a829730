#include "scaler/providers/command_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <optional>

#include "base/text.h"
#include "scaler/providers/child_environment.h"
#include "scaler/providers/child_process.h"
#include "scaler/providers/file_descriptor.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kLongestLine = 8192;
constexpr size_t kLastLines = 3;
constexpr size_t kLongestLast = 600;
// How often the clock and the word of other threads are looked at.
constexpr int kPollMilliseconds = 100;

Result<Pipe> make_output_pipe() {
  constexpr std::string_view kWhat = "pipe for a command";
  auto pipe = make_pipe(kWhat);
  if (pipe && fcntl(pipe->read.number(), F_SETFL, O_NONBLOCK) != 0) {
    return error_from_errno(errno, kWhat);
  }
  return pipe;
}

// A file in memory: unlike a pipe it never blocks the writer nor sends it a signal.
Result<FileDescriptor> make_input(const std::string& text) {
  constexpr std::string_view kWhat = "input for a command";
  FileDescriptor file(memfd_create("flaskscale-input", MFD_CLOEXEC));
  if (!file) return error_from_errno(errno, kWhat);
  if (Result<void> written = write_all(file, text, kWhat); !written) return written.error();
  if (lseek(file.number(), 0, SEEK_SET) != 0) return error_from_errno(errno, kWhat);
  return file;
}

// Cuts standard error into lines.
class ErrorLines {
 public:
  explicit ErrorLines(const std::function<void(std::string_view)>& on_line) : on_line_(on_line) {}

  void take(const char* data, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      const char c = data[i];
      if (c == '\n') {
        end_line();
        continue;
      }
      // Control characters could forge lines of the log or drive a terminal.
      const auto code = static_cast<unsigned char>(c);
      const bool plain = (code >= 0x20 && code != 0x7f) || c == '\t';
      if (c != '\r') line_ += plain ? c : '?';
      if (line_.size() >= kLongestLine) end_line();
    }
  }

  std::string finish() {
    if (!line_.empty()) end_line();
    std::string joined;
    for (const std::string& line : last_) joined += (joined.empty() ? "" : " / ") + line;
    if (joined.size() > kLongestLast) joined.erase(0, joined.size() - kLongestLast);
    return joined;
  }

 private:
  void end_line() {
    if (on_line_) on_line_(line_);
    if (!line_.empty()) last_.push_back(line_);
    if (last_.size() > kLastLines) last_.pop_front();
    line_.clear();
  }

  const std::function<void(std::string_view)>& on_line_;
  std::string line_;
  std::deque<std::string> last_;
};

// A program under way, until it has ended and what it wrote has been read.
class Running {
 public:
  Running(const CommandRun& run, ProcessIdentity process, FileDescriptor output,
          FileDescriptor error)
      : run_(run),
        process_(process),
        output_(std::move(output)),
        error_(std::move(error)),
        ended_(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0))),
        lines_(run.on_error_line) {}

  CommandEnd wait() {
    const Time began = Clock::now();
    bool over = false;
    while (!over) {
      wait_for_news();
      read_all();
      over = reap();
      if (!over) keep_time(Clock::now() - began);
    }
    read_all();
    end_.last_lines = lines_.finish();
    return std::move(end_);
  }

 private:
  void wait_for_news() {
    std::array<pollfd, 3> files = {{{output_.number(), POLLIN, 0},
                                    {error_.number(), POLLIN, 0},
                                    {ended_.number(), POLLIN, 0}}};
    poll(files.data(), files.size(), kPollMilliseconds);
  }

  void read_all() {
    read_from(output_, [this](const char* data, size_t size) {
      const size_t room = run_.most_output - std::min(run_.most_output, end_.output.size());
      end_.output_cut = end_.output_cut || size > room;
      end_.output.append(data, std::min(room, size));
    });
    read_from(error_, [this](const char* data, size_t size) { lines_.take(data, size); });
  }

  // What is there now, a bounded piece of it, so that a writer without end does not keep us.
  template <typename Take>
  static void read_from(FileDescriptor& file, Take take) {
    constexpr int kMostPieces = 64;
    std::array<char, 16384> piece;
    for (int i = 0; i < kMostPieces && file; ++i) {
      const ssize_t n = read(file.number(), piece.data(), piece.size());
      if (n > 0) {
        take(piece.data(), static_cast<size_t>(n));
      } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
        file.reset();
      } else if (errno == EAGAIN) {
        return;
      }
    }
  }

  bool reap() {
    siginfo_t info{};
    const auto id = static_cast<id_t>(process_.pid);
    if (waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
      if (errno == EINTR) return false;
      end_.how = "has vanished";
      return true;
    }
    if (info.si_pid == 0) return false;
    // While the leader is a zombie the group is certainly the one we made.
    if (end_.timed_out) kill(-process_.pid, SIGKILL);
    while (waitpid(process_.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (end_.timed_out) return true;
    const bool exited = info.si_code == CLD_EXITED;
    if (exited) end_.status = info.si_status;
    end_.how =
        (exited ? "exited with status " : "was killed by signal ") + std::to_string(info.si_status);
    return true;
  }

  void keep_time(Duration taken) {
    const bool cancelled = run_.cancelled != nullptr && run_.cancelled->load();
    if (!told_at_ && (taken >= run_.timeout || cancelled)) {
      told_at_ = taken;
      end_.timed_out = true;
      end_.how = cancelled ? "was ended, since this program ends"
                           : "took longer than " + format_duration(run_.timeout) + " and was ended";
      kill(-process_.pid, SIGTERM);
    }
    if (told_at_ && taken >= *told_at_ + run_.grace) kill(-process_.pid, SIGKILL);
  }

  const CommandRun& run_;
  const ProcessIdentity process_;
  FileDescriptor output_;
  FileDescriptor error_;
  const FileDescriptor ended_;  // readable once the program has ended; none on old kernels
  ErrorLines lines_;
  CommandEnd end_;
  std::optional<Duration> told_at_;
};

}  // namespace

std::string CommandEnd::text() const { return last_lines.empty() ? how : how + ": " + last_lines; }

Result<CommandEnd> run_command(const CommandRun& run) {
  if (run.words.empty()) return make_error(ErrorCode::invalid_argument, "the command is empty");
  auto path = find_command(run.words[0], run.directory, search_path(run.environment));
  if (!path) return std::move(path).error();
  auto input = make_input(run.input);
  if (!input) return std::move(input).error();
  auto output = make_output_pipe();
  if (!output) return std::move(output).error();
  auto error = make_output_pipe();
  if (!error) return std::move(error).error();

  ChildSpec spec;
  spec.path = *path;
  spec.arguments = run.words;
  spec.environment = child_environment(run.environment);
  spec.directory = run.directory;
  spec.input = input->number();
  spec.output = output->write.number();
  spec.error = error->write.number();
  const auto started = start_child(spec, [](const ProcessIdentity&) -> Result<void> { return {}; });
  if (!started) return started.error();
  output->write.reset();
  error->write.reset();
  return Running(run, *started, std::move(output->read), std::move(error->read)).wait();
}

}  // namespace flaskscale::scaler
