// The metadata server of the machine on which FlaskScale runs, and of the machines of the groups.
#pragma once

#include <optional>
#include <string>

#include "tests/support/gce/api_url.h"
#include "tests/support/gce/cloud.h"
#include "tests/support/gce/web_message.h"

namespace flaskscale::emulator {

// A caller whose address is a machine's sees that machine's values.
class MetadataApi {
 public:
  explicit MetadataApi(Cloud& cloud) : cloud_(cloud) {}

  struct Answer {
    WebReply reply;
    std::string etag;
    double wait = 0;  // seconds of the client to hold the answer unless the etag changes; 0: none
  };
  Answer answer(const WebRequest& request, const ApiUrl& url, const FaultHits& hits);

  static std::string method_of(const ApiUrl& url);

 private:
  std::optional<std::string> value_of(const std::string& path, const WebRequest& request) const;
  WebReply token(const FaultHits& hits);
  const Machine* machine_of(const WebRequest& request) const;

  Cloud& cloud_;
};

}  // namespace flaskscale::emulator
