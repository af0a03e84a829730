// HTTP and HTTPS over TCP or a Unix socket, by libcurl.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

struct CurlSettings {
  std::string ca_file;      // PEM; empty: the system's authorities
  std::string client_cert;  // PEM; with client_key: for servers that want to know their clients
  std::string client_key;
};

// Connections are kept and used again. A request that found its kept connection closed before the
// first byte of a response is sent once more on a new one, whatever its method: callers name their
// actions so that a repetition is harmless. Redirects are responses like others, certificates are
// always verified. The proxy that the environment names (https_proxy, http_proxy, no_proxy) is used
// except for Unix sockets, loopback and link-local addresses and the metadata server's name.
class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(CurlSettings settings = {});
  ~CurlHttpClient() override;
  CurlHttpClient(const CurlHttpClient&) = delete;
  CurlHttpClient& operator=(const CurlHttpClient&) = delete;

  Result<HttpResponse> send(const HttpRequest& request) override;
  void cancel() override;

 private:
  struct Handle;  // libcurl's, so that its header stays out of this one

  const CurlSettings settings_;
  std::unique_ptr<Handle> handle_;  // null: libcurl can't work here
  std::atomic<bool> cancelled_ = false;
};

}  // namespace flaskscale::scaler
