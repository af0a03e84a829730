// Runs a command to its end, within a time, and keeps what it wrote.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace flaskscale::scaler {

struct CommandRun {
  std::vector<std::string> words;  // the program, found on PATH unless it holds a "/", and the rest
  std::string directory;           // where it runs; empty: where this program runs
  std::map<std::string, std::string> environment;  // beside this program's own
  std::string input;                               // its standard input
  Duration timeout = std::chrono::seconds(60);     // then SIGTERM to its process group …
  Duration grace = std::chrono::seconds(5);        // … and SIGKILL
  size_t most_output = size_t{4} << 20U;           // bytes kept of its standard output
  // Gets each line of its standard error, without control characters, cut at 8 KiB. May be empty.
  std::function<void(std::string_view line)> on_error_line;
  // Set to true by another thread: it is ended as if the time were over. May be null.
  const std::atomic<bool>* cancelled = nullptr;
};

struct CommandEnd {
  int status = -1;  // what it exited with; -1: it was killed
  bool timed_out = false;
  std::string how;  // for people: "exited with status 3", "took longer than 60s and was ended"
  std::string output;
  bool output_cut = false;
  std::string
      last_lines;  // of its standard error: the last three, joined by " / ", at most 600 bytes

  // `how`, and the last lines if there are any.
  std::string text() const;
};

// Blocks until the program itself has ended; what it left running in the background goes on. It
// leads its own process group and session, and inherits no descriptor. Any thread. Errors: it could
// not be begun.
Result<CommandEnd> run_command(const CommandRun& run);

}  // namespace flaskscale::scaler
