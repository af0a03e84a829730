#include "tests/support/gce/control_api.h"

#include <cstdlib>
#include <utility>

namespace flaskscale::emulator {
namespace {

WebReply refused_reply(int status, const std::string& text) {
  return WebReply::json(status, {{"error", text}});
}

WebReply done() { return WebReply::json(200, {{"ok", true}}); }

}  // namespace

WebReply ControlApi::answer(const WebRequest& request) {
  const ApiUrl url = parse_api_url(request.target);
  if (url.segments.size() < 2 || url.segments[0] != "_emu")
    return refused_reply(404, "unknown path");
  const Json body =
      request.body.empty() ? Json::object() : Json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return refused_reply(400, "the body is not JSON");
  const std::string& what = url.segments[1];
  if (what == "state") return WebReply::json(200, state());
  if (what == "faults") return faults(request, url, body);
  if (what == "settings") return settings(request, body);
  if (what == "calls") return calls(request);
  if (what == "violations") return violations(request);
  if (what == "journal") return journal(url);
  if (what == "actions" && url.segments.size() == 3) {
    auto result = actions_.run(url.segments[2], body);
    return result ? WebReply::json(200, *result) : refused_reply(400, result.error().detail);
  }
  return refused_reply(404, "unknown path");
}

Json ControlApi::machine_state(const Machine& machine) {
  return {{"name", machine.name},
          {"zone", machine.zone},
          {"id", std::to_string(machine.id)},
          {"status", std::string(to_text(machine.status))},
          {"address", machine.address},
          {"template", machine.template_name},
          {"group", machine.group.substr(machine.group.find('/') + 1)},
          {"serving", machine.serving},
          {"pid", cloud_.park.host().process_of(machine)},
          {"preempted", machine.preempted},
          {"created", machine.created}};
}

Json ControlApi::group_state(Group& group) {
  Json members = Json::array();
  for (const auto& [name, member] : group.members) {
    const Machine* machine = cloud_.keeper.machine_of(group, member);
    Json errors = Json::array();
    for (const LaunchError& error : member.errors) errors.push_back(error.code);
    members.push_back({{"name", name},
                       {"zone", member.zone},
                       {"action", std::string(to_text(member.action))},
                       {"status", machine != nullptr ? std::string(to_text(machine->status)) : ""},
                       {"id", machine != nullptr ? std::to_string(machine->id) : ""},
                       {"address", machine != nullptr ? machine->address : ""},
                       {"template", member.template_name},
                       {"serving", machine != nullptr && machine->serving},
                       {"errors", std::move(errors)},
                       {"created", member.created}});
  }
  return {{"name", group.name},
          {"location", group.location},
          {"there", group.there},
          {"targetSize", group.target_size},
          {"targetStoppedSize", group.target_stopped},
          {"targetSuspendedSize", group.target_suspended},
          {"baseInstanceName", group.base_name},
          {"template", group.template_name},
          {"description", group.description},
          {"fingerprint", ResourceWriter::fingerprint(group.version)},
          {"autoscaler", group.has_autoscaler},
          {"isStable", group.is_stable()},
          {"members", std::move(members)}};
}

Json ControlApi::state() {
  Json groups = Json::array();
  for (auto& [key, group] : cloud_.keeper.groups()) groups.push_back(group_state(group));
  Json machines = Json::array();
  for (const auto& [key, machine] : cloud_.park.machines()) {
    machines.push_back(machine_state(machine));
  }
  int pending = 0;
  int running = 0;
  int ended = 0;
  for (const auto& [name, operation] : cloud_.operations.all()) {
    const auto status = operation.status(cloud_.timeline.now());
    ++(status == Operation::Status::pending   ? pending
       : status == Operation::Status::running ? running
                                              : ended);
  }
  return {{"now", cloud_.timeline.now()},
          {"wall", cloud_.writer.stamp(cloud_.timeline.now())},
          {"groups", std::move(groups)},
          {"instances", std::move(machines)},
          {"operations", {{"PENDING", pending}, {"RUNNING", running}, {"DONE", ended}}}};
}

WebReply ControlApi::faults(const WebRequest& request, const ApiUrl& url, const Json& body) {
  if (request.verb == "GET") return WebReply::json(200, cloud_.faults.to_json());
  if (request.verb == "POST") {
    auto id = cloud_.faults.add(body);
    return id ? WebReply::json(200, {{"id", *id}}) : refused_reply(400, id.error().detail);
  }
  if (request.verb != "DELETE") return refused_reply(404, "unknown path");
  if (url.segments.size() < 3) {
    cloud_.faults.clear();
    return done();
  }
  return cloud_.faults.remove(url.segments[2]) ? done() : refused_reply(404, "no such fault");
}

WebReply ControlApi::settings(const WebRequest& request, const Json& body) {
  if (request.verb != "GET") {
    Settings changed = cloud_.settings;
    if (const auto problem = changed.merge(body)) return refused_reply(400, *problem);
    cloud_.settings = std::move(changed);
  }
  return WebReply::json(200, cloud_.settings.to_json());
}

WebReply ControlApi::calls(const WebRequest& request) {
  if (request.verb == "DELETE") cloud_.ledger.forget_calls();
  return WebReply::json(200, cloud_.ledger.calls());
}

WebReply ControlApi::violations(const WebRequest& request) {
  if (request.verb == "DELETE") cloud_.ledger.forget_violations();
  return WebReply::json(200, cloud_.ledger.violations_json());
}

WebReply ControlApi::journal(const ApiUrl& url) {
  const std::string since(url.parameter("since"));
  const std::string method(url.parameter("method"));
  return WebReply::json(200, cloud_.ledger.journal(std::strtoull(since.c_str(), nullptr, 10),
                                                   method.empty() ? "*" : method));
}

}  // namespace flaskscale::emulator
