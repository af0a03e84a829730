#include "tests/unit/gce_emulator/running_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "scaler/providers/curl_http_client.h"

namespace flaskscale::emulator {
namespace {

constexpr auto kStartTimeout = std::chrono::seconds(30);

}  // namespace

RunningProgram::RunningProgram() {
  std::string pattern = (std::filesystem::temp_directory_path() / "gce-emulator-XXXXXX").string();
  if (mkdtemp(pattern.data()) != nullptr) directory_ = pattern;
}

RunningProgram::~RunningProgram() {
  if (process_ > 0) kill_hard();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

bool RunningProgram::start(const std::vector<std::string>& arguments) {
  const std::string ports = directory_ + "/ports.json";
  std::vector<std::string> words = {FLASKSCALE_GCE_EMULATOR, "--ports-file", ports};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  if (posix_spawn(&process_, words[0].c_str(), nullptr, nullptr, pointers.data(), environ) != 0) {
    process_ = -1;
    return false;
  }
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (std::chrono::steady_clock::now() < deadline) {
    std::ifstream file(ports);
    if (file) {
      ports_ = Json::parse(file, nullptr, false);
      return ports_.is_object();
    }
    if (waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = -1;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

int RunningProgram::stop() {
  if (process_ <= 0) return -1;
  kill(process_, SIGTERM);
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void RunningProgram::kill_hard() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
}

RunningProgram::Response RunningProgram::fetch(
    const std::string& verb, const std::string& url, const std::string& body,
    const std::vector<std::pair<std::string, std::string>>& headers) {
  scaler::CurlHttpClient client;
  scaler::HttpRequest request;
  request.method = verb;
  request.url = url;
  request.body = body;
  request.headers = headers;
  const auto response = client.send(request);
  if (!response) return {0, response.error().detail};
  return {response->status, response->body};
}

Json RunningProgram::control(const std::string& verb, const std::string& path,
                             const Json& body) const {
  const Response response = fetch(verb, port("control") + path, body.is_null() ? "" : body.dump());
  return Json::parse(response.body, nullptr, false);
}

}  // namespace flaskscale::emulator
