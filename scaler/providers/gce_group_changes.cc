// The part of a group that changes it, and follows the operations that this starts.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "scaler/providers/gce_group.h"
#include "scaler/providers/gce_obstacle.h"

namespace flaskscale::scaler {
namespace {

constexpr Duration kOperationForgotten = std::chrono::minutes(5);
// A list may be this much older than the end of the operation.
constexpr Duration kListLag = std::chrono::seconds(30);
constexpr Duration kFailureShown = std::chrono::minutes(10);
// Before the next change: wait this long for the one before, then go on, as both name their
// instances.
constexpr int kAwaitPolls = 2;
constexpr Duration kAwaitPause = std::chrono::milliseconds(400);
constexpr Duration kAwaitYoungerThan = std::chrono::seconds(10);

bool is_on(const GceRow& row) {
  return row.status == "RUNNING" || row.status == "STAGING" || row.status == "PROVISIONING";
}

bool shows(GceVerb verb, const GceRow& row) {
  switch (verb) {
    case GceVerb::create:
      return true;
    case GceVerb::remove:
      return row.action == "DELETING";
    case GceVerb::stop:
    case GceVerb::suspend:
      return row.action == "STOPPING" || row.action == "SUSPENDING" || !is_on(row);
    case GceVerb::start:
    case GceVerb::resume:
      return row.action == "STARTING" || row.action == "RESUMING" || is_on(row);
  }
  return true;
}

Error as_operators_problem(Error error) {
  if (error.code == ErrorCode::not_found) error.code = ErrorCode::misconfigured;
  return error;
}

}  // namespace

Duration GcePending::poll_interval(Duration age) {
  if (age < std::chrono::seconds(3)) return std::chrono::milliseconds(500);
  return age < std::chrono::minutes(1) ? std::chrono::seconds(5) : std::chrono::seconds(15);
}

// What the list shows needs no call; the others are asked for.
void GceGroup::settle(GceApi& api) {
  const Time now = clock_.now();
  for (GcePending& pending : pending_) {
    if (is_visible(pending)) {
      request_ids_.on_over(pending.request_id);
      pending.names.clear();
    } else if (pending.over_at) {
      if (now - *pending.over_at >= kListLag) pending.names.clear();
    } else if (now - pending.asked_at >= kOperationForgotten) {
      spdlog::warn("pool {}: operation {} in {} does not end; the list decides", pool_,
                   pending.operation, zone_);
      request_ids_.on_over(pending.request_id);
      pending.names.clear();
    } else if (now >= pending.next_poll_at) {
      poll(api, pending);
    }
  }
  std::erase_if(pending_, [](const GcePending& pending) { return pending.names.empty(); });
}

bool GceGroup::is_visible(const GcePending& pending) const {
  return std::all_of(pending.names.begin(), pending.names.end(), [&](const std::string& name) {
    const auto row = rows_.find(name);
    if (row == rows_.end()) return pending.verb != GceVerb::create;
    return shows(pending.verb, row->second);
  });
}

// An answer that does not come changes nothing: the list decides in the end.
void GceGroup::poll(GceApi& api, GcePending& pending) {
  const Result<GceOperation> operation = api.operation(zone_, pending.operation);
  const Time now = clock_.now();
  pending.next_poll_at = now + GcePending::poll_interval(now - pending.asked_at);
  if (operation) {
    if (operation->done) conclude(pending, *operation);
  } else if (operation.error().code == ErrorCode::not_found) {
    request_ids_.on_over(pending.request_id);
    pending.over_at = now;
  }
}

void GceGroup::conclude(GcePending& pending, const GceOperation& operation) {
  request_ids_.on_over(pending.request_id);
  if (!operation.problems.empty()) {
    fail(pending, operation.problems);
    pending.names.clear();
  } else if (pending.verb == GceVerb::create) {
    pending.over_at = clock_.now();
  } else {
    pending.names.clear();
  }
}

void GceGroup::fail(const GcePending& pending, const std::vector<GceProblem>& problems) {
  spdlog::warn("pool {}: {} in {} has failed: {}", pool_, to_string(pending.verb), zone_,
               text_of(problems));
  info_.reset();  // perhaps its policy has changed
  if (pending.verb != GceVerb::create && pending.verb != GceVerb::start &&
      pending.verb != GceVerb::resume) {
    return;
  }
  Failure failure;
  const bool is_taken = std::any_of(problems.begin(), problems.end(), is_name_taken);
  const Obstacle obstacle = obstacle_of(problems);
  failure.obstacle = is_taken || obstacle == Obstacle::none ? Obstacle::other : obstacle;
  failure.detail = text_of(problems);
  failure.until = clock_.now() + kFailureShown;
  for (const std::string& name : pending.names) {
    const auto row = rows_.find(name);
    if (row == rows_.end() || (pending.verb != GceVerb::create && !is_on(row->second))) {
      failures_[name] = failure;
    }
  }
}

// One change at a time per group, as far as that does not hold up what is to be done.
void GceGroup::await_pending(GceApi& api) {
  for (int polls = 0; polls < kAwaitPolls; ++polls) {
    const Time now = clock_.now();
    const auto young =
        std::find_if(pending_.begin(), pending_.end(), [now](const GcePending& pending) {
          return !pending.over_at && !pending.names.empty() &&
                 now - pending.asked_at < kAwaitYoungerThan;
        });
    if (young == pending_.end()) return;
    if (polls > 0 || now < young->next_poll_at) clock_.sleep(kAwaitPause);
    poll(api, *young);
  }
}

Result<void> GceGroup::change(GceApi& api, GceVerb verb, const std::string& action_id,
                              const std::vector<std::string>& names,
                              const std::vector<std::string>& instances) {
  for (size_t first = 0; first < instances.size(); first += GceApi::kMostAtOnce) {
    const auto from = static_cast<std::ptrdiff_t>(first);
    const auto to =
        static_cast<std::ptrdiff_t>(std::min(instances.size(), first + GceApi::kMostAtOnce));
    const std::vector<std::string> chunk(instances.begin() + from, instances.begin() + to);
    GcePending pending;
    pending.verb = verb;
    pending.names.assign(names.begin() + from, names.begin() + to);
    pending.request_id = request_ids_.id_of(action_id, to_string(verb), zone_, chunk);
    changed_since_info_ = true;
    const Result<GceOperation> operation = api.change(verb, zone_, chunk, pending.request_id);
    if (!operation) {
      const Error& error = operation.error();
      if (verb == GceVerb::create && error.code == ErrorCode::already_exists) {
        request_ids_.on_over(pending.request_id);
        const Result<void> sorted = sort_out_taken_names(api, pending.names);
        if (!sorted) return sorted;
        continue;
      }
      if (error.retry == Retry::never) info_.reset();
      return as_operators_problem(error);
    }
    pending.operation = operation->name;
    pending.asked_at = clock_.now();
    pending.next_poll_at = pending.asked_at;
    if (operation->done) conclude(pending, *operation);
    if (!pending.names.empty()) pending_.push_back(std::move(pending));
  }
  return {};
}

Result<void> GceGroup::check_lease(GceApi& api) {
  // What was refused may have been mended a moment ago.
  if (!refusal_.empty()) info_.reset();
  if (!info_) {
    if (const Result<void> read = read_group(api); !read) {
      return as_operators_problem(read.error());
    }
  }
  if (lease_.is_held()) return {};
  const std::string where = "group " + api.group_name() + " in " + zone_ + ": ";
  if (!lease_.holder().empty()) {
    return make_error(ErrorCode::misconfigured,
                      where + "another FlaskScale (owner " + lease_.holder() +
                          ") scales it; this one takes over a minute after that one has ended");
  }
  info_.reset();
  Error error = make_error(ErrorCode::unavailable, where + "its lease is not ours yet");
  error.retry = Retry::always;
  return error;
}

Result<void> GceGroup::create(GceApi& api, const InstanceCall& call) {
  if (const Result<void> lease = check_lease(api); !lease) return lease;
  if (!refusal_.empty()) return make_error(ErrorCode::misconfigured, refusal_);
  await_pending(api);
  for (const std::string& name : call.names) failures_.erase(name);
  return change(api, GceVerb::create, call.request_id, call.names, call.names);
}

// Those that the group has are ours, made by a call whose reply was lost; of the others some are
// taken by machines that are not the group's, and none has been made.
Result<void> GceGroup::sort_out_taken_names(GceApi& api, const std::vector<std::string>& names) {
  Result<std::vector<GceRow>> rows = api.rows(zone_);
  if (!rows) {
    Error error = rows.error();
    error.retry = Retry::always;
    return error;
  }
  take(std::move(*rows));
  for (const std::string& name : names) {
    if (rows_.contains(name)) continue;
    failures_[name] = {Obstacle::other, "not made: one of the names asked for is taken",
                       clock_.now() + kFailureShown};
  }
  return {};
}

void GceGroup::expect_no_longer(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    failures_.erase(name);
    for (GcePending& pending : pending_) {
      if (pending.verb != GceVerb::remove) std::erase(pending.names, name);
    }
  }
  std::erase_if(pending_, [](const GcePending& pending) { return pending.names.empty(); });
}

// Instances that are still queued have no URL yet and go by their names, the others by URL; the two
// forms can't share a request.
Result<void> GceGroup::remove(GceApi& api, const InstanceCall& call) {
  if (const Result<void> lease = check_lease(api); !lease) return lease;
  std::vector<std::string> by_url;
  std::vector<std::string> by_name;
  for (const std::string& name : call.names) {
    const auto row = rows_.find(name);
    if (row != rows_.end() && row->second.action == "DELETING") continue;
    const bool is_queued = row != rows_.end() && !row->second.has_url;
    (is_queued ? by_name : by_url).push_back(name);
  }
  await_pending(api);
  if (const Result<void> asked = change_by_url(api, GceVerb::remove, call.request_id, by_url);
      !asked) {
    return asked;
  }
  if (const Result<void> asked = change(api, GceVerb::remove, call.request_id, by_name, by_name);
      !asked) {
    return asked;
  }
  expect_no_longer(call.names);
  return {};
}

Result<void> GceGroup::change_by_url(GceApi& api, GceVerb verb, const std::string& action_id,
                                     const std::vector<std::string>& names) {
  std::vector<std::string> urls;
  urls.reserve(names.size());
  for (const std::string& name : names) urls.push_back(GceApi::url_of(zone_, name));
  return change(api, verb, action_id, names, urls);
}

Result<void> GceGroup::stop(GceApi& api, const InstanceCall& call) {
  return change_what_fits(api, call, &GceGroup::stop_what_runs);
}

Result<void> GceGroup::start(GceApi& api, const InstanceCall& call) {
  return change_what_fits(api, call, &GceGroup::start_what_is_off);
}

// One instance that is not as the last list has it makes the API refuse the call for all. So it is
// listed again and asked for what is left of it; what is refused then is no fault of the group's.
Result<void> GceGroup::change_what_fits(GceApi& api, const InstanceCall& call, Change ask) {
  if (const Result<void> lease = check_lease(api); !lease) return lease;
  if (!refusal_.empty()) return make_error(ErrorCode::misconfigured, refusal_);
  await_pending(api);
  const auto is_refused = [](const Result<void>& asked) {
    return !asked && asked.error().code == ErrorCode::misconfigured;
  };
  Result<void> asked = (this->*ask)(api, call);
  if (!is_refused(asked)) return asked;
  Result<std::vector<GceRow>> rows = api.rows(zone_);
  if (!rows) return asked;
  take(std::move(*rows));
  asked = (this->*ask)(api, call);
  if (!is_refused(asked)) return asked;
  return make_error(ErrorCode::invalid_argument, asked.error().detail);
}

// Only what runs can be stopped.
Result<void> GceGroup::stop_what_runs(GceApi& api, const InstanceCall& call) {
  std::vector<std::string> names;
  bool too_early = false;
  for (const std::string& name : call.names) {
    const auto row = rows_.find(name);
    if (row == rows_.end()) continue;
    const GceRowState state = state_of(row->second, used_id(name));
    if (state == GceRowState::usable) names.push_back(name);
    too_early = too_early || state == GceRowState::making;
  }
  if (names.empty() && too_early) {
    Error error = make_error(ErrorCode::unavailable, "can't be stopped while it is being made");
    error.retry = Retry::always;
    return error;
  }
  const bool suspend = ways_.standby == GceStandby::suspend;
  const Result<void> asked =
      change_by_url(api, suspend ? GceVerb::suspend : GceVerb::stop, call.request_id, names);
  if (asked) stopped_by_us_.insert(names.begin(), names.end());
  return asked;
}

// What is missing from the list is gone, as the next list tells.
Result<void> GceGroup::start_what_is_off(GceApi& api, const InstanceCall& call) {
  std::vector<std::string> stopped;
  std::vector<std::string> suspended;
  for (const std::string& name : call.names) {
    failures_.erase(name);
    const auto row = rows_.find(name);
    if (row == rows_.end()) continue;
    if (state_of(row->second, used_id(name)) != GceRowState::off) continue;
    (row->second.status == "SUSPENDED" ? suspended : stopped).push_back(name);
  }
  if (const Result<void> asked = change_by_url(api, GceVerb::start, call.request_id, stopped);
      !asked) {
    return asked;
  }
  const Result<void> asked = change_by_url(api, GceVerb::resume, call.request_id, suspended);
  if (!asked) return asked;
  for (const std::string& name : call.names) stopped_by_us_.erase(name);
  return {};
}

}  // namespace flaskscale::scaler
