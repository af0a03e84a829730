// Starts a program in a session of its own.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "scaler/providers/process_table.h"

namespace flaskscale::scaler {

struct ChildSpec {
  std::string path;                      // of the executable; as find_command() gave it
  std::vector<std::string> arguments;    // the first is the program's name
  std::vector<std::string> environment;  // "NAME=value"
  std::string directory;                 // empty: stays
  // Borrowed descriptors.
  int input = -1;   // standard input; -1: empty
  int output = -1;  // standard output
  int error = -1;   // standard error; -1: where the output goes
};

// Leads its own session and process group, all other descriptors are
// closed, signals are as in a fresh program. `announce` is called with the child's identity before
// the program begins; if it fails, or if this process dies before it returns, the program never
// begins. Errors name the command. Any thread; blocks until the program has begun.
Result<ProcessIdentity> start_child(
    const ChildSpec& spec, const std::function<Result<void>(const ProcessIdentity&)>& announce);

// The path of a command: as it is if it holds a "/" (relative to `directory`), else looked up on
// `search_path`.
Result<std::string> find_command(const std::string& command, const std::string& directory,
                                 const std::string& search_path);

}  // namespace flaskscale::scaler
