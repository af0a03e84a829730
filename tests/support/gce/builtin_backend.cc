#include "tests/support/gce/builtin_backend.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tests/support/gce/api_url.h"
#include "tests/support/gce/web_server.h"

namespace flaskscale::emulator {
namespace {

using std::chrono::milliseconds;

constexpr auto kAcceptStep = milliseconds(5);
constexpr auto kLongestEnd = std::chrono::seconds(60);

int number_of_parameter(const ApiUrl& url, const char* name, int fallback) {
  const std::string text(url.parameter(name));
  return text.empty() ? fallback : std::atoi(text.c_str());
}

void hold(milliseconds time, const std::function<bool()>& gone) {
  const auto until = std::chrono::steady_clock::now() + time;
  for (auto now = std::chrono::steady_clock::now(); now < until && !gone();
       now = std::chrono::steady_clock::now()) {
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kAcceptStep, until - now));
  }
}

}  // namespace

int BuiltinBackend::run() const {
  std::atomic<int> running{0};
  const auto answer = [&](const WebRequest& request, const std::function<bool()>& gone) {
    ++running;
    const ApiUrl url = parse_api_url(request.target);
    WebReply reply = WebReply::text(200, "ok\n");
    if (url.path() != "/healthz") {
      hold(milliseconds(number_of_parameter(url, "ms", 0)), gone);
      reply = WebReply::text(number_of_parameter(url, "status", 200), name + " " + id + "\n");
    }
    reply.headers.emplace_back("X-Backend", name);
    --running;
    return WebSending{Cut::none, std::move(reply)};
  };
  auto server = WebServer::open(host, port, answer);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().detail.c_str());
    return 1;
  }
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGINT);
  int number = 0;
  sigwait(&awaited, &number);
  (*server)->stop_accepting();
  const auto deadline = std::chrono::steady_clock::now() + kLongestEnd;
  while (running > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kAcceptStep);
  }
  // A response that has just been made is still to be written.
  std::this_thread::sleep_for(milliseconds(50));
  return 0;
}

}  // namespace flaskscale::emulator
