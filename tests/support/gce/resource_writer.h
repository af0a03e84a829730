// Groups, machines and operations as the API's JSON resources.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/gce/group.h"
#include "tests/support/gce/json.h"
#include "tests/support/gce/machine.h"
#include "tests/support/gce/operation_table.h"
#include "tests/support/gce/settings.h"
#include "tests/support/gce/timeline.h"

namespace flaskscale::emulator {

class ResourceWriter {
 public:
  // `wall_base`: the calendar's second at which the timeline began.
  ResourceWriter(const Settings& settings, const Timeline& timeline, double wall_base);

  Json group(const Group& group);
  // `machine`: null while there is none.
  Json member(const Group& group, const Member& member, const Machine* machine);
  Json machine(const Machine& machine);
  Json operation(const Operation& operation);
  Json zone(const std::string& zone);
  Json region(const std::string& region, const std::vector<std::string>& zones);
  Json instance_template(const std::string& name, const std::string& region);
  Json autoscaler(const Group& group);
  Json group_error(const Group& group, const GroupError& error);

  // "https://…/compute/v1/projects/P/" + rest, on one of the API's hosts.
  std::string url(const std::string& rest);
  // RFC 3339 of a simulated time.
  std::string stamp(double at) const;
  double wall_now() const { return wall_base_ + timeline_.now(); }
  void step_wall(double seconds) { wall_base_ += seconds; }
  static std::string fingerprint(uint64_t version);
  static std::string region_of(const std::string& zone);
  // "zones/Z" or "regions/R".
  static std::string scope_of(const Group& group);

 private:
  std::string template_url(const std::string& name);
  Json errors_of(const std::vector<LaunchError>& errors, const std::string& zone) const;
  void add_policies(const Group& group, Json& written);

  const Settings& settings_;
  const Timeline& timeline_;
  double wall_base_;
  uint32_t urls_ = 0;
};

}  // namespace flaskscale::emulator
