#include "tests/support/gce/control_actions.h"

#include <utility>

namespace flaskscale::emulator {
namespace {

Result<Json> done() { return Json{{"ok", true}}; }

Error unknown(const std::string& what) {
  return make_error(ErrorCode::not_found, "no such thing: " + what);
}

}  // namespace

ControlActions::ControlActions(Cloud& cloud) : cloud_(cloud) {
  using Self = ControlActions;
  deeds_ = {{"preempt", &Self::preempt},
            {"host_error", &Self::host_error},
            {"delete", &Self::remove},
            {"stop", &Self::stop},
            {"break", &Self::break_},
            {"hang", &Self::hang},
            {"heal", &Self::heal},
            {"crash", &Self::crash},
            {"abandon", &Self::abandon},
            {"resize", &Self::resize},
            {"attach_autoscaler", &Self::attach_autoscaler},
            {"detach_autoscaler", &Self::detach_autoscaler},
            {"set_template", &Self::set_template},
            {"delete_template", &Self::delete_template},
            {"delete_group", &Self::delete_group},
            {"restore_group", &Self::restore_group},
            {"policy", &Self::policy},
            {"add_foreign", &Self::add_foreign},
            {"adopt", &Self::adopt},
            {"fill", &Self::fill},
            {"remove_zone", &Self::remove_zone},
            {"restore_zone", &Self::restore_zone},
            {"expire_tokens", &Self::expire_tokens},
            {"revoke_credentials", &Self::revoke_credentials},
            {"restore_credentials", &Self::restore_credentials},
            {"role", &Self::role},
            {"scopes", &Self::scopes},
            {"step_clock", &Self::step_clock},
            {"advance", &Self::advance},
            {"forget_request_ids", &Self::forget_request_ids},
            {"forget_operations", &Self::forget_operations}};
}

Result<Json> ControlActions::run(const std::string& action, const Json& body) {
  const auto found = deeds_.find(action);
  if (found == deeds_.end()) return unknown("action " + action);
  return (this->*found->second)(body);
}

Result<Json> ControlActions::with_machine(const Json& body, const MachineDeed& deed) {
  const std::string name = text_of(body, "name");
  Machine* machine = cloud_.park.find_anywhere(name);
  if (machine == nullptr) return unknown("instance " + name);
  deed(*machine);
  return done();
}

Result<Json> ControlActions::with_groups(const Json& body,
                                         const std::function<void(Group&)>& deed) {
  const std::string name = text_of(body, "group", cloud_.settings.group);
  const std::string zone = text_of(body, "zone");
  bool any = false;
  for (auto& [key, group] : cloud_.keeper.groups()) {
    if (group.name != name || (!zone.empty() && group.location != zone)) continue;
    deed(group);
    any = true;
  }
  return any ? done() : Result<Json>(unknown("group " + name + " " + zone));
}

Result<Json> ControlActions::preempt(const Json& body) {
  return with_machine(
      body, [&](Machine& machine) { cloud_.park.preempt(machine, number_of(body, "notice", 30)); });
}

Result<Json> ControlActions::host_error(const Json& body) {
  return with_machine(body, [&](Machine& machine) { cloud_.park.lose_power(machine); });
}

Result<Json> ControlActions::remove(const Json& body) {
  return with_machine(body, [&](Machine& machine) { cloud_.park.remove(machine); });
}

Result<Json> ControlActions::stop(const Json& body) {
  return with_machine(body, [&](Machine& machine) { cloud_.park.stop(machine); });
}

Result<Json> ControlActions::break_(const Json& body) {
  return with_machine(body, [&](Machine& machine) {
    cloud_.park.host().answer_with(machine, static_cast<int>(number_of(body, "status", 500)));
  });
}

Result<Json> ControlActions::hang(const Json& body) {
  return with_machine(body, [&](Machine& machine) { cloud_.park.host().freeze(machine); });
}

Result<Json> ControlActions::heal(const Json& body) {
  return with_machine(body, [&](Machine& machine) { cloud_.park.host().heal(machine); });
}

Result<Json> ControlActions::crash(const Json& body) {
  return with_machine(body, [&](Machine& machine) { cloud_.park.crash_program(machine); });
}

Result<Json> ControlActions::abandon(const Json& body) {
  GroupKeeper::Names names;
  for (const Json& name : body.value("names", Json::array())) names.push_back(name);
  return with_groups(body, [&](Group& group) { cloud_.keeper.abandon(group, names); });
}

Result<Json> ControlActions::resize(const Json& body) {
  const auto size = static_cast<int>(number_of(body, "size"));
  return with_groups(body, [&](Group& group) { cloud_.keeper.resize(group, size); });
}

Result<Json> ControlActions::attach_autoscaler(const Json& body) {
  return with_groups(body, [](Group& group) { group.has_autoscaler = true; });
}

Result<Json> ControlActions::detach_autoscaler(const Json& body) {
  return with_groups(body, [](Group& group) { group.has_autoscaler = false; });
}

Result<Json> ControlActions::set_template(const Json& body) {
  const std::string name = text_of(body, "template");
  if (name.empty()) return unknown("template");
  cloud_.api.templates().insert(name);
  return with_groups(body, [&](Group& group) { cloud_.keeper.use_template(group, name); });
}

Result<Json> ControlActions::delete_template(const Json& body) {
  const std::string name = text_of(body, "template");
  return cloud_.api.templates().erase(name) > 0 ? done() : Result<Json>(unknown(name));
}

Result<Json> ControlActions::delete_group(const Json& body) {
  return with_groups(body, [&](Group& group) { cloud_.keeper.destroy(group); });
}

Result<Json> ControlActions::restore_group(const Json& body) {
  return with_groups(body, [](Group& group) { group.there = true; });
}

Result<Json> ControlActions::policy(const Json& body) {
  return with_groups(body, [&](Group& group) {
    group.update_type = text_of(body, "type", group.update_type);
    group.replacement = text_of(body, "replacement", group.replacement);
    group.repairs = text_of(body, "repair", group.repairs ? "REPAIR" : "DO_NOTHING") == "REPAIR";
    group.paginated =
        text_of(body, "results", group.paginated ? "PAGINATED" : "PAGELESS") == "PAGINATED";
    group.standby_mode = text_of(body, "standby_mode", group.standby_mode);
    group.standby_delay = static_cast<int>(number_of(body, "standby_delay", group.standby_delay));
    group.autohealing = flag_of(body, "autohealing", group.autohealing);
    ++group.version;
  });
}

Result<Json> ControlActions::add_foreign(const Json& body) {
  const std::string name = text_of(body, "name");
  const std::string zone = text_of(body, "zone", cloud_.settings.zones.front());
  if (name.empty() || cloud_.park.find(zone, name) != nullptr) return unknown("free name " + name);
  cloud_.park.put({.name = name,
                   .zone = zone,
                   .template_name = "",
                   .group = "",
                   .address = "",
                   .simulated = flag_of(body, "simulated", true)});
  return done();
}

Result<Json> ControlActions::adopt(const Json& body) {
  Machine* machine = cloud_.park.find_anywhere(text_of(body, "name"));
  if (machine == nullptr) return unknown("instance " + text_of(body, "name"));
  Json placed = body;
  placed["zone"] = machine->zone;
  return with_groups(placed, [&](Group& group) { cloud_.keeper.adopt(group, *machine); });
}

Result<Json> ControlActions::fill(const Json& body) {
  const auto count = static_cast<int>(number_of(body, "count", 1));
  return with_groups(body, [&](Group& group) {
    cloud_.keeper.fill(group, count, flag_of(body, "simulated", true));
  });
}

Result<Json> ControlActions::remove_zone(const Json& body) {
  cloud_.api.removed_zones().insert(text_of(body, "zone"));
  return done();
}

Result<Json> ControlActions::restore_zone(const Json& body) {
  cloud_.api.removed_zones().erase(text_of(body, "zone"));
  return done();
}

Result<Json> ControlActions::expire_tokens(const Json&) {
  cloud_.access.expire_tokens();
  return done();
}

Result<Json> ControlActions::revoke_credentials(const Json&) {
  cloud_.access.revoke();
  return done();
}

Result<Json> ControlActions::restore_credentials(const Json&) {
  cloud_.access.restore();
  return done();
}

Result<Json> ControlActions::role(const Json& body) {
  if (auto problem = cloud_.settings.merge({{"permissions", body.value("permissions", Json())}})) {
    return make_error(ErrorCode::invalid_argument, *problem);
  }
  return done();
}

Result<Json> ControlActions::scopes(const Json& body) {
  if (auto problem = cloud_.settings.merge({{"scopes", body.value("scopes", Json())}})) {
    return make_error(ErrorCode::invalid_argument, *problem);
  }
  return done();
}

Result<Json> ControlActions::step_clock(const Json& body) {
  const double seconds = number_of(body, "seconds");
  cloud_.writer.step_wall(seconds);
  cloud_.client_wall_base += seconds;
  return done();
}

Result<Json> ControlActions::advance(const Json& body) {
  cloud_.timeline.advance(cloud_.timeline.now() + number_of(body, "seconds"));
  return done();
}

Result<Json> ControlActions::forget_request_ids(const Json&) {
  cloud_.request_ids.clear();
  return done();
}

Result<Json> ControlActions::forget_operations(const Json&) {
  cloud_.operations.clear();
  return done();
}

}  // namespace flaskscale::emulator
