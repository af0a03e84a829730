// An API of Google Compute Engine that answers as a test wants, and a clock that it turns.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scaler/providers/gce_clock.h"
#include "scaler/providers/gce_provider.h"
#include "scaler/providers/gce_token_source.h"
#include "scaler/providers/http_client.h"
#include "tests/support/gce/discovery.h"
#include "tests/support/gce/schema_check.h"

namespace flaskscale::scaler {

// Time moves only when somebody sleeps or turns it.
struct TestClock {
  Time now{std::chrono::hours(100)};
  WallTime wall{std::chrono::seconds(1'699'999'990)};  // ten seconds into a minute
  Duration slept{};

  void pass(Duration duration) {
    now += duration;
    wall += std::chrono::duration_cast<std::chrono::milliseconds>(duration);
  }
  GceClock clock() {
    GceClock clock;
    clock.now = [this] { return now; };
    clock.wall = [this] { return wall; };
    clock.sleep = [this](Duration duration) {
      slept += duration;
      pass(duration);
    };
    return clock;
  }
};

inline HttpResponse json_response(std::string body, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"content-type", "application/json; charset=UTF-8"}};
  response.body = std::move(body);
  return response;
}

// As the real API answers.
inline HttpResponse refusal(int status, const std::string& reason,
                            const std::string& message = "no", const std::string& detail = "") {
  std::string body = R"({"error":{"code":)" + std::to_string(status) + R"(,"message":")" + message +
                     R"(","errors":[{"domain":"global","message":")" + message + R"(","reason":")" +
                     reason + R"("}])";
  if (!detail.empty()) {
    body += R"(,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":")" +
            detail + R"(","domain":"compute.googleapis.com"}])";
  }
  return json_response(body + "}}", status);
}

inline Error lost() { return make_error(ErrorCode::closed_by_peer, "reset by peer"); }

// What one method answers: each scripted answer once, then the standing one.
class ScriptedCloud {
 public:
  using Answer = Result<HttpResponse>;

  ScriptedCloud();

  // `method` is its id without "compute.", or "metadata" or "token".
  void next(const std::string& method, Answer answer) {
    scripts_[method].push_back(std::move(answer));
  }
  void always(const std::string& method, Answer answer) {
    standing_.insert_or_assign(method, std::move(answer));
  }
  Answer send(const HttpRequest& request);

  const std::vector<HttpRequest>& calls(const std::string& method) { return calls_[method]; }
  size_t count(const std::string& method) { return calls_[method].size(); }
  size_t count() const { return total_; }  // calls to the API
  // What the discovery document objects to in the requests so far.
  const std::vector<std::string>& violations() const { return violations_; }

  std::function<void()> before_each;

 private:
  std::string method_of(const HttpRequest& request);
  void check(const HttpRequest& request, const std::string& method);

  std::shared_ptr<const emulator::Discovery> discovery_;
  std::unique_ptr<emulator::SchemaCheck> schema_check_;
  std::map<std::string, std::deque<Answer>> scripts_;
  std::map<std::string, Answer> standing_;
  std::map<std::string, std::vector<HttpRequest>> calls_;
  std::vector<std::string> violations_;
  size_t total_ = 0;
};

// The cloud lives with the test, its clients with the providers.
class CloudClient final : public HttpClient {
 public:
  explicit CloudClient(ScriptedCloud& cloud) : cloud_(cloud) {}
  Result<HttpResponse> send(const HttpRequest& request) override { return cloud_.send(request); }

 private:
  ScriptedCloud& cloud_;
};

// The value of a query parameter, decoded.
std::string parameter(const HttpRequest& request, const std::string& name);

}  // namespace flaskscale::scaler
