// The emulator as a program of its own, started for one test.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

class RunningProgram {
 public:
  RunningProgram();
  // Kills what still runs and removes its folder.
  ~RunningProgram();
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  // Waits until it listens. False: it did not.
  bool start(const std::vector<std::string>& arguments);
  // SIGTERM, and its exit status.
  int stop();
  void kill_hard();

  const std::string& directory() const { return directory_; }
  pid_t process() const { return process_; }
  // A line of the ports file: "api", "metadata", "token", "control".
  std::string port(const std::string& name) const { return text_of(ports_, name); }
  int backend_port() const { return static_cast<int>(number_of(ports_, "backend_port")); }

  struct Response {
    int status = 0;  // 0: none came
    std::string body;
  };
  static Response fetch(const std::string& verb, const std::string& url,
                        const std::string& body = {},
                        const std::vector<std::pair<std::string, std::string>>& headers = {});
  Json control(const std::string& verb, const std::string& path, const Json& body = {}) const;

 private:
  std::string directory_;
  pid_t process_ = -1;
  Json ports_;
};

}  // namespace flaskscale::emulator
