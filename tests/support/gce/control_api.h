// How a test looks into the emulated cloud and meddles with it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "tests/support/gce/api_url.h"
#include "tests/support/gce/cloud.h"
#include "tests/support/gce/control_actions.h"
#include "tests/support/gce/json.h"
#include "tests/support/gce/web_message.h"

namespace flaskscale::emulator {

class ControlApi {
 public:
  explicit ControlApi(Cloud& cloud) : cloud_(cloud), actions_(cloud) {}

  // 200 with JSON; 400 with {"error"} where the request is not understood, 404 elsewhere.
  WebReply answer(const WebRequest& request);
  Json state();

 private:
  Json group_state(Group& group);
  Json machine_state(const Machine& machine);
  WebReply faults(const WebRequest& request, const ApiUrl& url, const Json& body);
  WebReply settings(const WebRequest& request, const Json& body);
  WebReply calls(const WebRequest& request);
  WebReply violations(const WebRequest& request);
  WebReply journal(const ApiUrl& url);

  Cloud& cloud_;
  ControlActions actions_;
};

}  // namespace flaskscale::emulator
