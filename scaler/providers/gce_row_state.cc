#include "scaler/providers/gce_row_state.h"

#include <algorithm>
#include <initializer_list>

#include "scaler/providers/gce_obstacle.h"
#include "scaler/providers/gce_parse.h"

namespace flaskscale::scaler {
namespace {

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_coming_up(std::string_view status) {
  return is_one_of(status, {"", "PENDING", "PROVISIONING", "STAGING"});
}

GceRowState state_at_rest(std::string_view status, GceRowState when_running) {
  if (status == "RUNNING") return when_running;
  if (is_coming_up(status)) return GceRowState::making;
  if (is_one_of(status, {"TERMINATED", "STOPPED", "SUSPENDED"})) return GceRowState::off;
  if (is_one_of(status,
                {"STOPPING", "SUSPENDING", "PENDING_STOP", "DEPROVISIONING", "REPAIRING"})) {
    return GceRowState::leaving;
  }
  return GceRowState::unclear;
}

// The old machine may still be there, or the new one already.
GceRowState state_while_recreated(const GceRow& row, std::string_view used_id) {
  if (is_coming_up(row.status)) return GceRowState::making;
  const bool is_new = !used_id.empty() && !row.id.empty() && row.id != used_id;
  return is_new && row.status == "RUNNING" ? GceRowState::making : GceRowState::leaving;
}

}  // namespace

GceRowState state_of(const GceRow& row, std::string_view used_id) {
  const std::string_view action = row.action;
  if (is_one_of(action, {"NONE", "VERIFYING", "REFRESHING"})) {
    return state_at_rest(row.status, GceRowState::usable);
  }
  if (is_one_of(action, {"CREATING", "CREATING_WITHOUT_RETRIES", "STARTING", "RESUMING"})) {
    return GceRowState::making;
  }
  if (action == "RECREATING") return state_while_recreated(row, used_id);
  if (is_one_of(action, {"STOPPING", "SUSPENDING"})) return GceRowState::stopping;
  if (is_one_of(action, {"DELETING", "ABANDONING", "RESTARTING"})) return GceRowState::leaving;
  return state_at_rest(row.status, GceRowState::unclear);
}

std::string describe(const GceRow& row) {
  std::string text = row.action.empty() ? "no action" : row.action;
  text += ", ";
  text += row.status.empty() ? "no machine" : row.status;
  return text;
}

InstanceReport report_of(const GceRow& row, const GceRowContext& context) {
  InstanceReport report;
  report.name = row.name;
  report.id = row.id;
  report.zone = context.zone;
  report.ours = true;  // also what the group made by itself, from the same template
  report.version = last_segment(row.template_url);
  report.outdated = context.outdated;
  report.detail = describe(row);
  switch (state_of(row, context.used_id)) {
    case GceRowState::making: {
      report.running = is_one_of(row.status, {"PROVISIONING", "STAGING", "RUNNING"});
      if (report.running) break;
      report.obstacle = obstacle_of(row.problems);
      if (!row.problems.empty()) report.detail += "; " + text_of(row.problems);
      break;
    }
    case GceRowState::usable:
      report.running = true;
      report.address = context.address;
      break;
    case GceRowState::unclear:
      report.running = row.status == "RUNNING";
      break;
    case GceRowState::leaving:
      report.running = is_one_of(row.status, {"RUNNING", "STOPPING", "PENDING_STOP"});
      report.leaving = true;
      break;
    case GceRowState::stopping:
      report.running = row.status == "RUNNING";
      report.leaving = !context.stopped_by_us;
      break;
    case GceRowState::off:
      report.stopped = context.on_standby;
      report.exited = !context.on_standby && context.off_for_good;
      report.leaving = !context.on_standby && !context.off_for_good;
      break;
  }
  return report;
}

}  // namespace flaskscale::scaler
