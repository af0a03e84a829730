// The calls to a Docker engine that the provider needs.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "scaler/providers/docker_endpoint.h"
#include "scaler/providers/docker_messages.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::scaler {

// Blocks; one call at a time. The API's version is agreed on before the first call and after each
// failure to reach the engine, which may come back as another. Errors: is_engine_unreachable()
// (and Retry::always) when no answer came, else what docker_error() makes of the answer.
class DockerApi {
 public:
  DockerApi(DockerEndpoint endpoint, HttpClient& client);

  Result<DockerVersion> version();
  // Nothing when the engine does not have the image.
  Result<std::optional<std::string>> image_id(const std::string& image);
  Result<bool> has_network(const std::string& network);

  // The new container's id. `already_exists`: a container of that name is there.
  Result<std::string> create(const std::string& name, const std::string& body);
  // One that runs already is a success.
  Result<void> start(const std::string& id);
  Result<void> unpause(const std::string& id);
  // One that does not run any more is a success.
  Result<void> signal(const std::string& id, const std::string& signal);
  // Only what does not run. With its anonymous volumes; one that is gone is a success.
  Result<void> remove(const std::string& id);
  Result<DockerInspection> inspect(const std::string& name_or_id);
  Result<std::vector<DockerContainer>> list(const std::string& filter, const std::string& network);
  // Its last lines in one line of at most `most` bytes.
  Result<std::string> log_tail(const std::string& id, size_t most);

  // `credentials` is the header X-Registry-Auth, empty for none. The stream of the engine's
  // progress messages goes to `on_progress`; false ends it.
  Result<void> pull(const std::string& image, const std::string& credentials,
                    const std::function<bool(std::string_view piece)>& on_progress);

 private:
  Result<HttpResponse> call(HttpRequest request, const std::string& path);
  Result<void> expect(const std::string& method, const std::string& path, const std::string& what,
                      std::initializer_list<int> fine);
  Result<void> agree();
  HttpRequest request(const std::string& method, const std::string& path) const;

  const DockerEndpoint endpoint_;
  HttpClient& client_;
  std::string agreed_;  // "1.41"; empty: not agreed yet
};

// `text` for a query or a path element.
std::string percent_encoded(std::string_view text);

}  // namespace flaskscale::scaler
