#include "scaler/providers/gce_metadata.h"

#include "base/text.h"
#include "scaler/providers/gce_failure.h"

namespace flaskscale::scaler {
namespace {

constexpr int kMetadataTries = 4;
constexpr auto kFirstPause = std::chrono::milliseconds(200);
constexpr auto kPatience = std::chrono::seconds(3);
constexpr size_t kMostMetadataBytes = 1U << 20U;

bool is_transient(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

}  // namespace

Result<std::string> GceMetadata::read_once(const std::string& url, HttpClient& http) const {
  HttpRequest request;
  request.url = url;
  request.headers = {{"Metadata-Flavor", "Google"}};
  request.connect_timeout = std::chrono::seconds(1);
  request.timeout = std::chrono::seconds(3);
  request.most_bytes = kMostMetadataBytes;
  const Result<HttpResponse> response = http.send(request);
  const std::string server = "metadata server " + host_;
  if (!response) {
    return transient(response.error().code, server + ": " + response.error().detail);
  }
  if (is_transient(response->status)) {
    return transient(ErrorCode::unavailable,
                     server + ": status " + std::to_string(response->status));
  }
  if (!equals_ignoring_case(response->header("metadata-flavor"), "Google")) {
    return make_error(ErrorCode::misconfigured,
                      server +
                          ": something else answers there (no Metadata-Flavor: Google); "
                          "outside of Google Cloud, credentials must be configured");
  }
  if (response->status == 404) {
    return make_error(ErrorCode::misconfigured, server + ": has no " +
                                                    url.substr(url.find("/v1/") + 4) +
                                                    "; has this machine a service account?");
  }
  if (response->status != 200) {
    return make_error(ErrorCode::misconfigured,
                      server + ": status " + std::to_string(response->status));
  }
  return response->body;
}

Result<std::string> GceMetadata::read(std::string_view path, Patience patience, HttpClient& http,
                                      const GceClock& clock, Random& random) const {
  const std::string url = "http://" + host_ + "/computeMetadata/v1/" + std::string(path);
  const Time give_up = clock.now() + kPatience;
  Duration pause = kFirstPause;
  for (int tries = 1;; ++tries) {
    Result<std::string> text = read_once(url, http);
    if (text || text.error().retry == Retry::never || text.error().code == ErrorCode::cancelled) {
      return text;
    }
    const bool again =
        patience == Patience::a_little && tries < kMetadataTries && clock.now() < give_up;
    if (!again) return text;
    clock.sleep(pause + from_seconds(to_seconds(pause) * random.unit()));
    pause *= 2;
  }
}

}  // namespace flaskscale::scaler
