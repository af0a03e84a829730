#include "scaler/providers/gce_group.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "scaler/providers/gce_obstacle.h"
#include "scaler/providers/gce_parse.h"

namespace flaskscale::scaler {
namespace {

// A stopped machine that nobody asked to be stopped: by then the group would have begun to repair
// it.
constexpr Duration kRepairBegins = std::chrono::minutes(2);

template <typename Map, typename Keep>
void keep_only(Map& map, const Keep& keep) {
  std::erase_if(map, [&keep](const auto& entry) {
    if constexpr (requires { entry.first; }) {
      return !keep.contains(entry.first);
    } else {
      return !keep.contains(entry);
    }
  });
}

}  // namespace

std::string refusal_of(const GceGroupInfo& info, const std::string& group,
                       const std::string& zone) {
  const std::string where = "group " + group + " in " + zone + ": ";
  if (info.update_type == "PROACTIVE" && info.replacement_method != "RECREATE") {
    return where +
           "its update policy is PROACTIVE with replacement method SUBSTITUTE, so it does not let "
           "instances be made by name; set the update policy's type to OPPORTUNISTIC";
  }
  if (!info.autoscaler.empty()) {
    return where + "autoscaler " + last_segment(info.autoscaler) +
           " scales it too; delete the autoscaler";
  }
  return "";
}

GceGroup::GceGroup(std::string pool, std::string zone, Ways ways, GceLease lease, GceClock clock)
    : pool_(std::move(pool)),
      zone_(std::move(zone)),
      clock_(std::move(clock)),
      ways_(ways),
      lease_(std::move(lease)) {}

Result<std::vector<InstanceReport>> GceGroup::list(GceApi& api) {
  const bool due = !info_ || clock_.now() - info_read_at_ >= ways_.info_interval;
  if (due) {
    if (const Result<void> read = read_group(api); !read) return read.error();
  }
  Result<std::vector<GceRow>> rows = api.rows(zone_);
  if (!rows) return rows.error();
  take(std::move(*rows));
  settle(api);
  if (const Result<void> read = read_addresses(api); !read) return read.error();
  return reports();
}

Result<void> GceGroup::read_group(GceApi& api) {
  Result<GceGroupInfo> fresh = api.group(zone_);
  if (!fresh) return fresh.error();
  // The group's own status names an autoscaler too; the list also finds one that is just made.
  if (!autoscalers_looked_for_ || !autoscaler_.empty()) {
    const Result<std::vector<std::string>> found = api.autoscalers(zone_);
    autoscalers_looked_for_ = found.has_value() || found.error().retry == Retry::never;
    if (found) autoscaler_ = found->empty() ? "" : found->front();
  }
  if (fresh->autoscaler.empty()) fresh->autoscaler = autoscaler_;
  std::string refusal = refusal_of(*fresh, api.group_name(), zone_);
  warn_about(*fresh, refusal);
  refusal_ = std::move(refusal);
  info_ = std::move(*fresh);
  info_read_at_ = clock_.now();
  changed_since_info_ = !pending_.empty();
  tend_lease(api);
  return {};
}

// A write that fails for now is tried again with the next reading of the group.
void GceGroup::tend_lease(GceApi& api) {
  const bool was_held = lease_.is_held();
  const std::optional<std::string> text = lease_.look_at(info_->description, clock_.now());
  if (text) {
    const std::string id = request_ids_.id_of(*text, "patch", zone_, {info_->fingerprint});
    const Result<GceOperation> written = api.describe(zone_, info_->fingerprint, *text, id);
    const bool is_refused = !written && written.error().retry == Retry::never;
    lease_refusals_ = is_refused ? lease_refusals_ + 1 : 0;
    // Once may be that another was quicker.
    const bool is_impossible =
        is_refused &&
        (written.error().code == ErrorCode::permission_denied || lease_refusals_ >= 3);
    if (written) {
      lease_.on_written();
    } else if (is_impossible) {
      lease_.on_unwritable();
      spdlog::warn("pool {}: the group's lease in {} can't be written: {}", pool_, zone_,
                   written.error().detail);
    }
  }
  if (lease_.is_held() == was_held) return;
  if (lease_.is_held()) {
    spdlog::info("pool {}: the group in {} is ours", pool_, zone_);
  } else {
    spdlog::warn("pool {}: the group in {} is run by another FlaskScale (owner {})", pool_, zone_,
                 lease_.holder());
  }
}

void GceGroup::warn_about(const GceGroupInfo& fresh, const std::string& refusal) {
  if (!refusal.empty() && refusal != refusal_) spdlog::warn("pool {}: {}", pool_, refusal);
  if (refusal.empty() && !refusal_.empty()) {
    spdlog::info("pool {}: group in {}: instances can be made again", pool_, zone_);
  }
  if (!info_ && fresh.update_type == "PROACTIVE" && refusal.empty()) {
    spdlog::warn(
        "pool {}: the group's update policy in {} is PROACTIVE: a new template ends instances "
        "without draining them; OPPORTUNISTIC lets FlaskScale replace them one by one",
        pool_, zone_);
  }
  if (info_ && !changed_since_info_ && fresh.target_size != info_->target_size) {
    spdlog::warn(
        "pool {}: somebody else has resized the group in {} from {} to {}; what it made or ended "
        "by itself is taken as it is",
        pool_, zone_, info_->target_size, fresh.target_size);
  }
}

// Of rows that come twice the first counts.
void GceGroup::take(std::vector<GceRow> rows) {
  rows_.clear();
  for (GceRow& row : rows) {
    std::string name = row.name;
    rows_.emplace(std::move(name), std::move(row));
  }
  for (const auto& [name, row] : rows_) {
    const GceRowState state = state_of(row, used_id(name));
    if (row.status != "RUNNING") addresses_.erase(name);
    if (state != GceRowState::off) off_since_.erase(name);
    if (state == GceRowState::off) off_since_.emplace(name, clock_.now());
    if (state != GceRowState::usable) continue;
    if (!row.id.empty()) used_ids_[name] = row.id;
    const bool is_being_stopped =
        std::any_of(pending_.begin(), pending_.end(), [&name = name](const GcePending& pending) {
          return pending.verb != GceVerb::create &&
                 std::find(pending.names.begin(), pending.names.end(), name) != pending.names.end();
        });
    if (!is_being_stopped) stopped_by_us_.erase(name);
  }
  forget_the_gone();
}

void GceGroup::forget_the_gone() {
  keep_only(addresses_, rows_);
  keep_only(used_ids_, rows_);
  keep_only(off_since_, rows_);
  keep_only(stopped_by_us_, rows_);
  const Time now = clock_.now();
  std::erase_if(failures_, [&](const auto& entry) {
    if (entry.second.until <= now) return true;
    const auto row = rows_.find(entry.first);
    return row != rows_.end() && state_of(row->second, used_id(entry.first)) != GceRowState::off;
  });
}

std::string_view GceGroup::used_id(const std::string& name) const {
  const auto found = used_ids_.find(name);
  return found == used_ids_.end() ? std::string_view() : std::string_view(found->second);
}

Result<void> GceGroup::read_addresses(GceApi& api) {
  std::vector<std::string> lacking;
  for (const auto& [name, row] : rows_) {
    if (state_of(row, used_id(name)) != GceRowState::usable) continue;
    const auto known = addresses_.find(name);
    if (known == addresses_.end() || known->second.id != row.id) lacking.push_back(name);
  }
  if (lacking.empty()) return {};
  const Result<std::vector<GceMachine>> machines = api.machines(zone_, lacking);
  if (!machines) return machines.error();
  for (const GceMachine& machine : *machines) {
    const auto row = rows_.find(machine.name);
    // Of another incarnation: one of the two lists is older. The next one tells.
    if (row == rows_.end() || machine.address.empty() || row->second.id != machine.id) continue;
    addresses_[machine.name] = {machine.id, machine.address};
  }
  return {};
}

// Newer APIs tell what each instance is meant to be; else it is those that we have stopped, and
// after a restart of this program any others, as many as the group is meant to have.
std::set<std::string> GceGroup::names_on_standby() const {
  std::set<std::string> names;
  std::vector<std::string> unclear;
  for (const auto& [name, row] : rows_) {
    if (state_of(row, used_id(name)) != GceRowState::off) continue;
    const bool is_told = !row.target_status.empty();
    if (is_told ? row.target_status != "RUNNING" : stopped_by_us_.contains(name)) {
      names.insert(name);
    } else if (!is_told) {
      unclear.push_back(name);
    }
  }
  const auto wanted = static_cast<size_t>(std::max<int64_t>(0, info_ ? info_->target_stopped : 0));
  for (const std::string& name : unclear) {
    if (names.size() >= wanted) break;
    names.insert(name);
  }
  return names;
}

InstanceReport GceGroup::report(const GceRow& row) {
  GceRowContext context;
  context.zone = zone_;
  context.used_id = used_id(row.name);
  context.stopped_by_us = stopped_by_us_.contains(row.name);
  const auto address = addresses_.find(row.name);
  if (address != addresses_.end() && address->second.id == row.id) {
    context.address = address->second.host + ":" + std::to_string(ways_.port);
  }
  const auto off = off_since_.find(row.name);
  const bool is_repaired = info_ && info_->repairs;
  context.off_for_good =
      off != off_since_.end() && (!is_repaired || clock_.now() - off->second >= kRepairBegins);
  if (info_ && !row.template_url.empty() && !info_->templates.empty()) {
    context.outdated =
        std::none_of(info_->templates.begin(), info_->templates.end(),
                     [&row](const auto& url) { return same_resource(url, row.template_url); });
  }
  return report_of(row, context);
}

std::vector<InstanceReport> GceGroup::reports() {
  std::vector<InstanceReport> all;
  const std::set<std::string> on_standby = names_on_standby();
  for (const auto& [name, row] : rows_) {
    InstanceReport one = report(row);
    if (on_standby.contains(name)) {
      one.stopped = true;
      one.exited = false;
      one.leaving = false;
    }
    const auto failure = failures_.find(name);
    if (failure != failures_.end()) {
      // A start that failed is told once: the instance itself is as good as before.
      if (one.obstacle == Obstacle::none) one.obstacle = failure->second.obstacle;
      one.detail = failure->second.detail;
      failures_.erase(failure);
    }
    all.push_back(std::move(one));
  }
  std::set<std::string_view> told;
  for (const auto& [name, failure] : failures_) {
    told.insert(name);
    if (rows_.contains(name)) continue;
    InstanceReport one;
    one.name = name;
    one.zone = zone_;
    one.ours = true;
    one.obstacle = failure.obstacle;
    one.detail = failure.detail;
    all.push_back(std::move(one));
  }
  for (const GcePending& pending : pending_) {
    if (pending.verb != GceVerb::create) continue;
    for (const std::string& name : pending.names) {
      if (rows_.contains(name) || !told.insert(name).second) continue;
      InstanceReport one;
      one.name = name;
      one.zone = zone_;
      one.ours = true;
      one.detail = "asked for";
      all.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace flaskscale::scaler
