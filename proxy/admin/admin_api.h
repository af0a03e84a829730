// The admin listener's endpoints: a request in, a response out, no I/O.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/status_model.h"

namespace flaskscale::admin {

struct AdminRequest {
  std::string_view method;
  std::string_view target;  // path and query as received
  std::string_view body;    // no endpoint needs one; ignored
  // Header values, empty if absent: a changing call that a web page of another origin makes is
  // refused.
  std::string_view host;
  std::string_view origin;
};

struct AdminResponse {
  int status = 200;
  std::string content_type;
  std::string body;
  std::string allow;  // not empty: the value of the Allow header
  // The request was HEAD: send the body's length, not the body.
  bool head_only = false;
};

// Control loop only. Never throws on bad input; unknown paths are 404, wrong methods 405 with
// Allow.
class AdminApi {
 public:
  // `source` outlives this object.
  explicit AdminApi(StatusSource& source) : source_(source) {}

  AdminResponse handle(const AdminRequest& request);

 private:
  StatusSource& source_;
};

}  // namespace flaskscale::admin
