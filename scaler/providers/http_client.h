// One HTTP request to an API, and its response as a value.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace flaskscale::scaler {

struct HttpRequest {
  std::string method = "GET";
  std::string url;          // absolute; the host part is ignored with unix_socket
  std::string unix_socket;  // path; empty: TCP
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration connect_timeout = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(30);  // of the whole exchange
  size_t most_bytes = 64U << 20U;               // a longer response is an error (too_large)
  // Set: gets a 2xx response's body piece by piece as it comes, which is then not kept. False ends
  // the exchange with `cancelled`.
  std::function<bool(std::string_view piece)> on_body;
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  // Empty when there is none.
  std::string_view header(std::string_view lower_case_name) const;
};

// A status of any kind is a response. Errors: no response came (connect_failed, resolve_failed,
// timed_out, closed_by_peer, bad_message …); whether the request was acted on is then unknown.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Blocks. One call at a time per object, on any thread.
  virtual Result<HttpResponse> send(const HttpRequest& request) = 0;
  // Any thread: the call under way, within about a second, and all later ones end with `cancelled`.
  virtual void cancel() {}
};

}  // namespace flaskscale::scaler
