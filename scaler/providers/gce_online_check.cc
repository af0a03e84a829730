#include "scaler/providers/gce_online_check.h"

#include <algorithm>
#include <utility>

#include "scaler/providers/gce_api.h"
#include "scaler/providers/gce_failure.h"
#include "scaler/providers/gce_group.h"
#include "scaler/providers/gce_parse.h"

namespace flaskscale::scaler {
namespace {

std::string hint_for(const Error& error) {
  const std::string permission = missing_permission(error.detail);
  if (!permission.empty()) return "give the service account a role with " + permission;
  switch (error.code) {
    case ErrorCode::permission_denied:
      return "look at the service account's roles and the machine's access scopes";
    case ErrorCode::not_found:
      return "look at project, zones and group in the configuration";
    case ErrorCode::unavailable:
      return "try again in a minute";
    case ErrorCode::resolve_failed:
    case ErrorCode::connect_failed:
    case ErrorCode::connect_timed_out:
      return "does this machine reach the Internet, or has its subnet Private Google Access?";
    default:
      return "";
  }
}

class Findings {
 public:
  void add(CheckFinding finding) { all_.push_back(std::move(finding)); }
  void fine(std::string what, std::string detail) {
    add({.what = std::move(what), .fine = true, .detail = std::move(detail), .hint = ""});
  }
  void bad(std::string what, const Error& error) {
    add({.what = std::move(what), .fine = false, .detail = error.detail, .hint = hint_for(error)});
  }
  void look(const std::string& what, const Result<void>& looked) {
    looked ? fine(what, "yes") : bad(what, looked.error());
  }
  std::vector<CheckFinding> take() { return std::move(all_); }

 private:
  std::vector<CheckFinding> all_;
};

void check_policy(const GceGroupInfo& info, const std::string& group, const std::string& zone,
                  Findings& findings) {
  const std::string what = "group " + group + " in " + zone + ": update policy and autoscaler";
  const std::string refusal = refusal_of(info, group, zone);
  if (!refusal.empty()) {
    const std::string hint = info.autoscaler.empty()
                                 ? "gcloud compute instance-groups managed update " + group +
                                       " --zone " + zone + " --update-policy-type opportunistic"
                                 : "gcloud compute instance-groups managed stop-autoscaling " +
                                       group + " --zone " + zone;
    findings.add({.what = what, .fine = false, .detail = refusal, .hint = hint});
    return;
  }
  if (info.update_type == "PROACTIVE") {
    findings.add({.what = what,
                  .fine = false,
                  .detail = "PROACTIVE: a new template ends instances without draining them",
                  .hint = "set the update policy's type to OPPORTUNISTIC"});
    return;
  }
  findings.fine(what, info.update_type.empty() ? "no update policy, no autoscaler"
                                               : info.update_type + ", no autoscaler");
}

void check_ports(const GceGroupInfo& info, const GceSettings& settings, const std::string& zone,
                 Findings& findings) {
  if (info.named_ports.empty()) return;
  const std::string what = "group " + settings.group + " in " + zone + ": named ports";
  const bool is_named =
      std::any_of(info.named_ports.begin(), info.named_ports.end(),
                  [&settings](const auto& port) { return port.second == settings.port; });
  if (is_named) {
    findings.fine(what, "one is " + std::to_string(settings.port));
    return;
  }
  findings.add({.what = what,
                .fine = false,
                .detail = "none of them is " + std::to_string(settings.port) + ", but " +
                          info.named_ports.front().first + " is " +
                          std::to_string(info.named_ports.front().second),
                .hint = "look at port in the configuration"});
}

void check_autoscalers(GceApi& api, const std::string& zone, GceGroupInfo& info,
                       Findings& findings) {
  const std::string what = "autoscalers in " + zone + " can be listed";
  const Result<std::vector<std::string>> found = api.autoscalers(zone);
  if (!found) {
    findings.bad(what, found.error());
    return;
  }
  findings.fine(what, "yes");
  if (info.autoscaler.empty() && !found->empty()) info.autoscaler = found->front();
}

void check_group(GceApi& api, const GceSettings& settings, const std::string& zone,
                 Findings& findings) {
  const std::string name = "group " + settings.group + " in " + zone;
  Result<GceGroupInfo> info = api.group(zone);
  if (!info) {
    findings.bad(name, info.error());
    return;
  }
  findings.fine(name, "target size " + std::to_string(info->target_size) +
                          ", stopped or suspended " + std::to_string(info->target_stopped) +
                          ", lists are " + (info->paging.empty() ? "PAGELESS" : info->paging));
  check_autoscalers(api, zone, *info, findings);
  check_policy(*info, settings.group, zone, findings);
  check_ports(*info, settings, zone, findings);
  const std::string rows_what = name + ": its instances can be listed";
  const Result<std::vector<GceRow>> rows = api.rows(zone);
  if (rows) {
    findings.fine(rows_what, std::to_string(rows->size()) + " instances");
  } else {
    findings.bad(rows_what, rows.error());
  }
  if (info->templates.empty()) {
    findings.add({.what = name + ": instance template",
                  .fine = false,
                  .detail = "it has none",
                  .hint = "give the group an instance template"});
    return;
  }
  for (const std::string& path : info->templates) {
    findings.look("instance template " + last_segment(path) + " can be read",
                  api.look_at_template(path));
  }
}

}  // namespace

std::vector<CheckFinding> check_gce(const GceSettings& settings, GceTransport& transport) {
  Findings findings;
  std::string project = settings.project;
  if (project.empty()) {
    const Result<std::string> found = transport.project();
    if (!found) {
      findings.bad("project", found.error());
      return findings.take();
    }
    project = *found;
    findings.fine("project", project + ", by " + transport.credentials());
  }
  GceApi api(transport, project, settings.group);
  bool is_first = true;
  for (const std::string& zone : settings.zones) {
    const Result<void> looked = api.look_at_zone(zone);
    if (is_first && !looked && looked.error().code != ErrorCode::not_found &&
        missing_permission(looked.error().detail).empty()) {
      findings.bad("credentials (" + transport.credentials() + ")", looked.error());
      return findings.take();
    }
    if (is_first) findings.fine("credentials", transport.credentials() + ": accepted");
    is_first = false;
    findings.look("zone " + zone, looked);
    check_group(api, settings, zone, findings);
    findings.look("machines in " + zone + " can be listed", api.look_at_machines(zone));
    findings.look("operations in " + zone + " can be listed", api.look_at_operations(zone));
  }
  return findings.take();
}

}  // namespace flaskscale::scaler
