// The part of the fleet that talks to the provider.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "scaler/fleet.h"

namespace flaskscale::scaler {
namespace {

constexpr Duration kListGrace =
    std::chrono::seconds(30);  // a new instance may take this long to be listed
constexpr Duration kRemoveAgain =
    std::chrono::seconds(30);  // a removed instance that is still listed
constexpr double kMostRemoveRetrySeconds = 30;

}  // namespace

void Fleet::reconcile(Time now) {
  now_ = now;
  if (is_stopped()) return;  // another call would only keep it from being so
  list_wanted_ = true;
  run_next_call();
}

// Lists and changes alternate, so that neither waits for a long row of the other.
void Fleet::run_next_call() {
  if (call_under_way_) return;
  Instance* create = nullptr;
  Instance* remove = nullptr;
  for (auto& [name, instance] : instances_) {
    if (create == nullptr && instance.wanted == Instance::Call::create) create = &instance;
    const bool due = instance.wanted == Instance::Call::remove && instance.next_remove_at <= now_;
    if (remove == nullptr && due) remove = &instance;
  }
  if (!rules_.may_create) create = nullptr;
  if (!rules_.may_remove) remove = nullptr;
  const bool change_wanted = create != nullptr || remove != nullptr;
  if (list_wanted_ && !(change_wanted && last_call_was_list_)) {
    run_list();
  } else if (create != nullptr) {
    run_create(*create);
  } else if (remove != nullptr) {
    run_remove(*remove);
  }
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

void Fleet::run_list() {
  list_wanted_ = false;
  last_call_was_list_ = true;
  using Listed = Result<std::vector<InstanceReport>>;
  auto result = std::make_shared<std::optional<Listed>>();  // shared by the two sides of the call
  run([&provider = provider_, result] { result->emplace(provider.list()); },
      [this, result] { on_list(**result); });
}

void Fleet::run_create(Instance& instance) {
  last_call_was_list_ = false;
  instance.wanted = Instance::Call::none;
  instance.created_at = now_;
  auto result = std::make_shared<Result<void>>();
  const std::string name = instance.name;
  run([&provider = provider_, result, name] { *result = provider.create({name}); },
      [this, result, name] {
        const auto found = instances_.find(name);
        if (result->has_value()) {
          call_error_.clear();
          return;
        }
        call_error_ = result->error().detail;
        // The call may have worked nevertheless, so what it made, if anything, is removed by name.
        if (found != instances_.end() && !found->second.is_ending()) {
          lose(found->second, "create_failed", call_error_);
        }
      });
}

void Fleet::run_remove(Instance& instance) {
  last_call_was_list_ = false;
  instance.wanted = Instance::Call::none;
  instance.remove_called = true;
  auto result = std::make_shared<Result<void>>();
  const std::string name = instance.name;
  run([&provider = provider_, result, name] { *result = provider.remove(name); },
      [this, result, name] {
        const auto found = instances_.find(name);
        if (found == instances_.end()) return;
        Instance& removed = found->second;
        removed.wanted = Instance::Call::remove;
        if (result->has_value()) {
          removed.next_remove_at = now_ + kRemoveAgain;
          return;
        }
        call_error_ = result->error().detail;
        const double seconds = static_cast<double>(1U << std::min(removed.remove_failures++, 5U));
        removed.next_remove_at = now_ + from_seconds(std::min(seconds, kMostRemoveRetrySeconds));
      });
}

void Fleet::on_list(const Result<std::vector<InstanceReport>>& listed) {
  if (!listed) {
    list_error_ = listed.error().detail;
    if (list_error_.empty()) list_error_ = std::string(to_string(listed.error().code));
    return;
  }
  list_error_.clear();
  std::unordered_set<std::string> names;
  for (const InstanceReport& report : *listed) {
    names.insert(report.name);
    on_reported(report);
  }
  for (auto& [name, instance] : instances_) {
    if (!names.contains(name)) on_missing(instance);
  }
  std::erase_if(instances_,
                [](const auto& entry) { return entry.second.state == InstanceState::gone; });
  if (known_) return;
  known_ = true;
  if (on_first_list_) on_first_list_();
}

void Fleet::on_reported(const InstanceReport& report) {
  const auto found = instances_.find(report.name);
  if (found == instances_.end()) {
    if (bears_our_name(report.name)) adopt(report);
    return;
  }
  Instance& instance = found->second;
  if (instance.wanted == Instance::Call::create) return;
  instance.listed = true;
  const bool is_another = !instance.id.empty() && !report.id.empty() && instance.id != report.id;
  if (is_another && !instance.is_ending()) begin_anew(instance);
  if (!report.id.empty()) instance.id = report.id;
  if (instance.is_ending()) return;
  if (report.exited) {
    const bool gave_up_boot = !instance.admitted_at;
    const bool was_leaving = instance.state == InstanceState::draining;
    if (was_leaving) {
      begin_removal(instance, InstanceState::deleting);
    } else {
      lose(instance, gave_up_boot ? "boot_failed" : "crashed", report.detail);
    }
    return;
  }
  if (instance.address != report.address && !report.address.empty()) {
    if (!instance.address.empty()) begin_anew(instance);
    instance.address = report.address;
  }
  if (!instance.member && !instance.address.empty() && instance.state != InstanceState::draining) {
    membership_.add(instance.address);
    instance.member = true;
  }
}

// Repaired by the provider under its old name: the new incarnation has to prove itself.
void Fleet::begin_anew(Instance& instance) {
  leave_pool(instance);
  if (instance.state != InstanceState::draining) instance.state = InstanceState::booting;
  instance.before_drain = InstanceState::booting;
  instance.created_at = now_;
  instance.adopted = true;
  instance.admitted_at.reset();
  instance.down_since.reset();
}

void Fleet::adopt(const InstanceReport& report) {
  Instance instance;
  instance.name = report.name;
  instance.id = report.id;
  instance.created_at = now_;
  instance.adopted = true;
  instance.listed = true;
  const auto placed = instances_.emplace(instance.name, instance).first;
  if (stopping_ || report.exited) {
    begin_removal(placed->second, InstanceState::failed);
    return;
  }
  on_reported(report);
}

void Fleet::on_missing(Instance& instance) {
  if (instance.wanted == Instance::Call::create) return;
  const bool not_listed_yet = !instance.listed && now_ - instance.created_at < kListGrace;
  if (!instance.is_ending() && not_listed_yet) return;
  // An ending that was not asked for yet still needs its call: what a failed create made may show
  // up late.
  if (instance.is_ending() && !instance.remove_called && !instance.listed) return;
  if (!instance.is_ending() && instance.state != InstanceState::draining) {
    lose(instance, "vanished", "is no longer in the provider's list");
  }
  leave_pool(instance);
  if (instance.listed) {
    past_instance_seconds_ += std::max(0.0, to_seconds(now_ - instance.created_at));
  }
  instance.state = InstanceState::gone;
}

}  // namespace flaskscale::scaler
