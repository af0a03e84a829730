// The part of the fleet that talks to the provider.
#include <algorithm>
#include <array>
#include <utility>

#include "scaler/fleet.h"
#include "scaler/request_id.h"

namespace flaskscale::scaler {
namespace {

constexpr Duration kRemoveAgain =
    std::chrono::seconds(30);  // a removed instance that is still listed
constexpr Duration kStopPatience =
    std::chrono::minutes(5);  // a stopped instance whose machine is still on
constexpr Duration kJournalAgain = std::chrono::seconds(2);
constexpr double kMostRetrySeconds = 30;
constexpr double kMostBusySeconds = 10;
constexpr uint32_t kSameCallTries = 3;  // then each instance is asked for alone
constexpr size_t kMostNames = 1000;     // in one call
constexpr Duration kListSlack = std::chrono::milliseconds(250);  // ticks are not quite regular

Duration retry_delay(uint32_t failures, double most) {
  return from_seconds(std::min(most, static_cast<double>(1U << std::min(failures, 6U))));
}

Intent intent_of(Instance::Call kind) {
  switch (kind) {
    case Instance::Call::create:
      return Intent::create;
    case Instance::Call::start:
      return Intent::start;
    case Instance::Call::stop:
      return Intent::stop;
    case Instance::Call::remove:
    case Instance::Call::none:
      break;
  }
  return Intent::remove;
}

Result<void> carry_out(Provider& provider, Instance::Call kind, const InstanceCall& call) {
  switch (kind) {
    case Instance::Call::create:
      return provider.create(call);
    case Instance::Call::start:
      return provider.start(call);
    case Instance::Call::stop:
      return provider.stop(call);
    case Instance::Call::remove:
      return provider.remove(call);
    case Instance::Call::none:
      break;
  }
  return {};
}

}  // namespace

void Fleet::reconcile(Time now) {
  now_ = now;
  if (!list_begun_at_ || now < *list_begun_at_) {
    list_wanted_ = true;
  } else {
    const Duration age = now - *list_begun_at_ + kListSlack;
    list_wanted_ = list_wanted_ || age >= abilities_.list_interval ||
                   (age >= abilities_.list_interval_moving && is_moving());
  }
  run_next_call();
}

// Lists and changes alternate, so that neither waits for a long row of the other.
void Fleet::run_next_call() {
  if (call_under_way_) return;
  if (is_stopped()) return;  // another call would only keep it from being so
  const bool writes = desk_.has_work() && desk_.error().empty();
  const bool is_last = stopping_ && instances_.empty();
  if (is_last && writes) {
    write_journal();  // a list that takes longer than its interval would keep it from its turn
  } else if (list_wanted_ && !last_call_was_list_) {
    run_list();
  } else if (std::optional<Action> change = find_change()) {
    run_change(std::move(*change));
  } else if (list_wanted_) {
    run_list();
  } else if (writes && journal_wanted_) {
    write_journal();
  }
}

void Fleet::write_soon() {
  journal_wanted_ = true;
  run_next_call();
}

void Fleet::run(std::function<void()> blocking, std::function<void()> then) {
  call_under_way_ = true;
  executor_.run(std::move(blocking),
                [this, alive = std::weak_ptr<bool>(alive_), then = std::move(then)] {
                  if (alive.expired()) return;
                  call_under_way_ = false;
                  then();
                  run_next_call();
                });
}

void Fleet::write_journal() {
  journal_wanted_ = false;
  const std::shared_ptr<JournalPage> page = desk_.take_page();
  run([write = desk_.writer(page)] { (void)write(); }, [this, page] { desk_.settle(*page); });
}

void Fleet::run_list() {
  list_wanted_ = false;
  last_call_was_list_ = true;
  list_begun_at_ = now_;
  using Listed = Result<std::vector<InstanceReport>>;
  auto result = std::make_shared<std::optional<Listed>>();  // shared by the two sides of the call
  const std::shared_ptr<JournalPage> page = desk_.take_page();
  run(
      [&provider = provider_, write = desk_.writer(page), result] {
        (void)write();  // a broken journal doesn't keep the list from being read
        result->emplace(provider.list());
      },
      [this, page, result] { on_list(*page, **result); });
}

bool Fleet::may_call(Call kind) const {
  if (!desk_.is_ready() || now_ < no_changes_before_) return false;
  switch (kind) {
    case Call::create:
    case Call::start:
      return rules_.may_create && !stopping_;
    case Call::stop:
      return rules_.may_remove && !stopping_ && list_is_recent();
    case Call::remove:
      return rules_.may_remove && (stopping_ || list_is_recent());
    case Call::none:
      break;
  }
  return false;
}

// The kinds take turns.
std::optional<Fleet::Action> Fleet::find_change() {
  constexpr std::array kKinds = {Call::create, Call::start, Call::remove, Call::stop};
  const auto last = std::find(kKinds.begin(), kKinds.end(), last_change_);
  const size_t first = last == kKinds.end() ? 0 : static_cast<size_t>(last - kKinds.begin()) + 1;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const Call kind = kKinds[(first + i) % kKinds.size()];
    if (!may_call(kind)) continue;
    if (std::optional<Action> action = collect(kind)) return action;
  }
  return std::nullopt;
}

bool Fleet::is_called_again(const std::string& name) const {
  return std::any_of(again_.begin(), again_.end(), [&](const Action& action) {
    const std::vector<std::string>& names = action.call.names;
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

// A call that is to be repeated as it was. While it waits for its time, no other of its kind is
// made.
std::optional<Fleet::Action> Fleet::collect_again(Call kind, bool& blocked) {
  for (auto at = again_.begin(); at != again_.end();) {
    if (at->kind != kind) {
      ++at;
      continue;
    }
    if (at->next_at > now_) {
      blocked = true;
      return std::nullopt;
    }
    Action action = std::move(*at);
    at = again_.erase(at);
    if (is_still_wanted(action)) return action;
  }
  return std::nullopt;
}

bool Fleet::is_still_wanted(const Action& action) {
  const bool makes = action.kind == Call::create || action.kind == Call::start;
  size_t wanted = 0;
  for (const std::string& name : action.call.names) {
    const auto found = instances_.find(name);
    if (found == instances_.end()) continue;
    const InstanceState state = found->second.state;
    if (makes ? state == InstanceState::booting
              : found->second.is_ending() || state == InstanceState::standby) {
      ++wanted;
    }
  }
  if (!makes) return wanted > 0;
  if (wanted == action.call.names.size()) return true;
  // Some of them are not wanted any more: the same call can't be made, and without it nobody knows
  // what became of the others.
  for (const std::string& name : action.call.names) {
    const auto found = instances_.find(name);
    if (found == instances_.end() || found->second.state != InstanceState::booting) continue;
    if (action.kind == Call::create) {
      lose(found->second, "create_failed", call_error_);
    } else {
      found->second.wanted = Call::start;
      found->second.request_id.clear();
    }
  }
  return false;
}

// All that want the same of one zone in one call; what has a request id already goes with those
// that have the same.
std::optional<Fleet::Action> Fleet::collect(Call kind) {
  bool blocked = false;
  if (std::optional<Action> again = collect_again(kind, blocked)) return again;
  if (blocked) return std::nullopt;
  std::vector<Instance*> chosen;
  for (auto& [name, instance] : instances_) {
    if (instance.wanted != kind || instance.next_call_at > now_) continue;
    if (!chosen.empty()) {
      const Instance& first = *chosen.front();
      const bool fits = instance.zone == first.zone && instance.request_id == first.request_id &&
                        !instance.alone && !first.alone;
      if (!fits) continue;
    }
    chosen.push_back(&instance);
    if (chosen.size() == kMostNames) break;
  }
  if (chosen.empty()) return std::nullopt;
  Action action;
  action.kind = kind;
  action.call = call_of(kind, chosen);
  return action;
}

// Notes that the call is begun.
InstanceCall Fleet::call_of(Call kind, const std::vector<Instance*>& instances) {
  InstanceCall call;
  call.zone = instances.front()->zone;
  call.request_id = instances.front()->request_id;
  if (call.request_id.empty()) call.request_id = new_request_id(random_);
  for (Instance* instance : instances) {
    call.names.push_back(instance->name);
    instance->request_id = call.request_id;
    instance->wanted = Call::none;
    instance->next_call_at = now_ + kStopPatience;
    if (kind == Call::remove) instance->remove_called = true;
    if (kind != Call::create && kind != Call::start) continue;
    if (!instance->adopted) instance->created_at = now_;
    if (kind == Call::create) instance->born = wall_;
    if (!instance->billed_since) instance->billed_since = now_;
  }
  return call;
}

void Fleet::run_change(Action action) {
  last_call_was_list_ = false;
  last_change_ = action.kind;
  const std::shared_ptr<JournalPage> page = desk_.take_page();
  for (const std::string& name : action.call.names) {
    const auto found = instances_.find(name);
    if (found == instances_.end()) continue;
    page->intents.push_back(entry_of(found->second, intent_of(action.kind)));
  }
  auto result = std::make_shared<Result<void>>();
  auto blocking = [&provider = provider_, write = desk_.writer(page), kind = action.kind,
                   call = action.call, result] {
    if (!write()) return;
    *result = carry_out(provider, kind, call);
  };
  run(std::move(blocking), [this, page, result, action = std::move(action)]() mutable {
    on_called(action, *page, *result);
  });
}

void Fleet::on_called(Action& action, JournalPage& page, const Result<void>& result) {
  desk_.settle(page);
  if (!page.outcome) {
    no_changes_before_ = now_ + kJournalAgain;
    on_not_called(action);
  } else if (result) {
    if (failed_kind_ == action.kind) call_error_.clear();
    on_call_succeeded(action);
  } else {
    failed_kind_ = action.kind;
    call_error_ = result.error().detail;
    if (call_error_.empty()) call_error_ = std::string(to_string(result.error().code));
    on_call_failed(action, result.error());
  }
}

// The journal failed: as if it had not been tried.
void Fleet::on_not_called(const Action& action) {
  if (action.failures > 0) {
    again_.push_back(action);
    return;
  }
  for (const std::string& name : action.call.names) {
    const auto found = instances_.find(name);
    if (found == instances_.end()) continue;
    Instance& instance = found->second;
    instance.next_call_at = now_;
    if (instance.is_ending()) {
      instance.wanted = Call::remove;
    } else if (action.kind == Call::stop || instance.state == InstanceState::booting) {
      instance.wanted = action.kind;
    } else if (action.kind == Call::create) {
      set_state(instance, InstanceState::gone);  // given up meanwhile
      desk_.forget(name);
    } else if (action.kind == Call::start) {
      put_to_standby(instance);
    }
  }
  erase_if_gone();
}

void Fleet::on_call_succeeded(const Action& action) {
  for (const std::string& name : action.call.names) {
    const auto found = instances_.find(name);
    if (found == instances_.end()) continue;
    Instance& instance = found->second;
    if (action.kind == Call::remove) {
      instance.wanted = Call::remove;
      instance.next_call_at = now_ + kRemoveAgain;
      instance.request_id.clear();
    }
    instance.alone = false;
    instance.call_failures = 0;
  }
}

void Fleet::on_call_failed(Action& action, const Error& error) {
  const bool is_busy = error.retry == Retry::always;
  if (is_busy) {
    action.next_at = now_ + retry_delay(action.failures, kMostBusySeconds);
    ++action.failures;
    again_.push_back(std::move(action));
    return;
  }
  if (action.kind == Call::remove || action.kind == Call::stop) {
    on_ending_call_failed(action);
    return;
  }
  const Obstacle obstacle = obstacle_of(error);
  for (const std::string& name : action.call.names) {
    const auto found = instances_.find(name);
    if (found == instances_.end()) continue;
    Instance& instance = found->second;
    if (instance.state != InstanceState::booting) continue;
    const bool stays_off = action.kind == Call::start && obstacle != Obstacle::other;
    if (stays_off) {
      supply_.on_failure(instance.zone, obstacle, instance.created_at, now_);
      put_to_standby(instance);
      stop_billing(instance);
    } else {
      // The call may have worked nevertheless, so what it made, if anything, is removed by name.
      fail_to_make(instance, obstacle, call_error_);
    }
  }
}

// Tried again as it was, then one by one, since one bad name may spoil it for all.
void Fleet::on_ending_call_failed(Action& action) {
  action.next_at = now_ + retry_delay(action.failures, kMostRetrySeconds);
  if (++action.failures < kSameCallTries) {
    again_.push_back(std::move(action));
    return;
  }
  for (const std::string& name : action.call.names) {
    const auto found = instances_.find(name);
    if (found == instances_.end()) continue;
    Instance& instance = found->second;
    instance.alone = true;
    instance.request_id.clear();
    instance.call_failures += action.failures;
    if (action.kind == Call::stop) {
      if (!instance.is_ending()) begin_removal(instance, InstanceState::deleting, "not_stopped");
      continue;
    }
    instance.wanted = Call::remove;
    instance.next_call_at = now_ + retry_delay(instance.call_failures, kMostRetrySeconds);
  }
}

}  // namespace flaskscale::scaler
