// What a test may do to the emulated cloud: the deeds of machines, operators and Google.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/support/gce/cloud.h"
#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

class ControlActions {
 public:
  explicit ControlActions(Cloud& cloud);

  // An unknown action, or a machine or group that is not there: an error.
  Result<Json> run(const std::string& action, const Json& body);

 private:
  using Deed = Result<Json> (ControlActions::*)(const Json&);
  using MachineDeed = std::function<void(Machine&)>;

  Result<Json> with_machine(const Json& body, const MachineDeed& deed);
  // Every group of that name, in the zone of the body or in all.
  Result<Json> with_groups(const Json& body, const std::function<void(Group&)>& deed);

  Result<Json> preempt(const Json& body);
  Result<Json> host_error(const Json& body);
  Result<Json> remove(const Json& body);
  Result<Json> stop(const Json& body);
  Result<Json> break_(const Json& body);
  Result<Json> hang(const Json& body);
  Result<Json> heal(const Json& body);
  Result<Json> crash(const Json& body);

  Result<Json> abandon(const Json& body);
  Result<Json> resize(const Json& body);
  Result<Json> attach_autoscaler(const Json& body);
  Result<Json> detach_autoscaler(const Json& body);
  Result<Json> set_template(const Json& body);
  Result<Json> delete_template(const Json& body);
  Result<Json> delete_group(const Json& body);
  Result<Json> restore_group(const Json& body);
  Result<Json> policy(const Json& body);
  Result<Json> add_foreign(const Json& body);
  Result<Json> adopt(const Json& body);
  Result<Json> fill(const Json& body);

  Result<Json> remove_zone(const Json& body);
  Result<Json> restore_zone(const Json& body);
  Result<Json> expire_tokens(const Json& body);
  Result<Json> revoke_credentials(const Json& body);
  Result<Json> restore_credentials(const Json& body);
  Result<Json> role(const Json& body);
  Result<Json> scopes(const Json& body);
  Result<Json> step_clock(const Json& body);
  Result<Json> advance(const Json& body);
  Result<Json> forget_request_ids(const Json& body);
  Result<Json> forget_operations(const Json& body);

  Cloud& cloud_;
  std::map<std::string, Deed, std::less<>> deeds_;
};

}  // namespace flaskscale::emulator
