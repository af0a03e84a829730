#include "tests/support/gce/group_keeper.h"

#include <algorithm>
#include <utility>

namespace flaskscale::emulator {
namespace {

constexpr size_t kErrorsKept = 500;

}  // namespace

GroupKeeper::GroupKeeper(Settings& settings, Timeline& timeline, MachinePark& park)
    : settings_(settings), timeline_(timeline), park_(park) {
  park_.listen([this](Machine& machine, MachineChange change) { on_machine(machine, change); });
}

Group& GroupKeeper::add(const std::string& name, const std::string& location, bool regional,
                        std::vector<std::string> zones) {
  Group group;
  group.name = name;
  group.location = location;
  group.regional = regional;
  group.zones = std::move(zones);
  group.base_name = name;
  group.template_name = settings_.template_name;
  group.id = (uint64_t{1} << 60U) + (park_.chance().number() >> 5U);
  group.created = timeline_.now();
  std::string key = group.key();
  return groups_.insert_or_assign(std::move(key), std::move(group)).first->second;
}

Group* GroupKeeper::find(const std::string& location, const std::string& name) {
  const auto found = groups_.find(location + "/" + name);
  return found == groups_.end() || !found->second.there ? nullptr : &found->second;
}

Machine* GroupKeeper::machine_of(const Group& group, const Member& member) {
  Machine* machine = park_.find(member.zone, member.name);
  return machine != nullptr && machine->group == group.key() ? machine : nullptr;
}

void GroupKeeper::begin(Member& member, Action action) {
  member.action = action;
  ++member.turn;
}

void GroupKeeper::wish(Group& group, Member& member, Wish wish) {
  if (member.wish != Wish::nothing) --group.size_of(member.wish);
  member.wish = wish;
  if (wish != Wish::nothing) ++group.size_of(wish);
}

void GroupKeeper::later(const Group& group, const Member& member, double delay, Step step) {
  timeline_.after(delay, [this, key = group.key(), name = member.name, turn = member.turn,
                          step = std::move(step)] {
    const auto found = groups_.find(key);
    Member* own = found == groups_.end() ? nullptr : found->second.find(name);
    if (own != nullptr && own->turn == turn) step(found->second, *own);
  });
}

Member& GroupKeeper::enter(Group& group, const std::string& name) {
  Member member;
  member.name = name;
  member.zone = group.zones[group.members.size() % group.zones.size()];
  member.template_name = group.template_name;
  member.created = timeline_.now();
  // A name that comes again must not meet the plans for its predecessor.
  member.turn = park_.chance().number() >> 16U;
  ++group.target_size;
  return group.members.insert_or_assign(name, std::move(member)).first->second;
}

std::optional<Rejection> GroupKeeper::create(Group& group, const Names& names) {
  if (group.update_type == "PROACTIVE" && group.replacement == "SUBSTITUTE") {
    return Rejection{"CONDITION_NOT_MET",
                     "Cannot create instances with given names: the update policy is PROACTIVE "
                     "with replacement method SUBSTITUTE.",
                     412, "conditionNotMet", true};
  }
  for (const std::string& name : names) {
    const bool member = group.find(name) != nullptr;
    const bool foreign = !member && park_.find_anywhere(name) != nullptr &&
                         settings_.foreign_collision != Collision::last_attempt;
    if (!member && !foreign) continue;
    const Collision how = member ? settings_.collision : settings_.foreign_collision;
    return Rejection{"MEMBER_ALREADY_EXISTS", "Instance '" + name + "' already exists.", 409,
                     "alreadyExists", how == Collision::operation};
  }
  for (const std::string& name : names) {
    Member& member = enter(group, name);
    begin(member, Action::creating);
    later(group, member, park_.about(settings_.timings.create_delay),
          [this](Group& own, Member& queued) { attempt(own, queued); });
  }
  return std::nullopt;
}

void GroupKeeper::attempt(Group& group, Member& member) {
  LaunchOrder order{.name = member.name,
                    .zone = member.zone,
                    .template_name = group.template_name,
                    .group = group.key(),
                    .address = settings_.new_address_on_repair ? "" : member.old_address};
  if (auto error = park_.launch(order)) {
    note_failure(group, member, std::move(*error));
    later(group, member, park_.about(settings_.timings.retry),
          [this](Group& own, Member& failed) { attempt(own, failed); });
    return;
  }
  member.template_name = group.template_name;
  member.errors.clear();
}

void GroupKeeper::attempt_start(Group& group, Member& member) {
  Machine* machine = machine_of(group, member);
  if (machine == nullptr) return;
  auto error = member.action == Action::resuming ? park_.resume(*machine) : park_.start(*machine);
  if (!error) {
    member.errors.clear();
    return;
  }
  note_failure(group, member, std::move(*error));
  later(group, member, park_.about(settings_.timings.retry),
        [this](Group& own, Member& failed) { attempt_start(own, failed); });
}

void GroupKeeper::note_failure(Group& group, Member& member, LaunchError error) {
  member.errors = {error};
  group.errors.push_back({timeline_.now(), member.name, member.action, std::move(error)});
  if (group.errors.size() > kErrorsKept) group.errors.pop_front();
}

void GroupKeeper::end_machine(Group& group, Member& member) {
  if (Machine* machine = machine_of(group, member)) {
    member.old_address = machine->address;
    park_.remove(*machine);
    return;
  }
  later(group, member, park_.about(settings_.timings.create_delay),
        [this](Group& own, Member& without) { on_gone(own, without); });
}

void GroupKeeper::remove(Group& group, const Names& names) {
  for (const std::string& name : names) {
    Member* member = group.find(name);
    if (member == nullptr || member->action == Action::deleting_) continue;
    wish(group, *member, Wish::nothing);
    begin(*member, Action::deleting_);
    end_machine(group, *member);
  }
}

void GroupKeeper::abandon(Group& group, const Names& names) {
  for (const std::string& name : names) {
    Member* member = group.find(name);
    if (member == nullptr || member->action == Action::deleting_) continue;
    wish(group, *member, Wish::nothing);
    begin(*member, Action::abandoning);
    later(group, *member, park_.about(settings_.timings.abandon), [this](Group& own, Member& left) {
      if (Machine* machine = machine_of(own, left)) machine->group.clear();
      own.members.erase(std::string(left.name));
    });
  }
}

void GroupKeeper::recreate(Group& group, const Names& names) {
  for (const std::string& name : names) {
    Member* member = group.find(name);
    if (member == nullptr || member->action == Action::deleting_) continue;
    wish(group, *member, Wish::running);
    begin(*member, Action::recreating);
    end_machine(group, *member);
  }
}

void GroupKeeper::restart(Group& group, const Names& names) {
  for (const std::string& name : names) {
    Member* member = group.find(name);
    Machine* machine = member == nullptr ? nullptr : machine_of(group, *member);
    if (machine == nullptr || machine->status != MachineStatus::running) continue;
    begin(*member, Action::restarting);
    park_.restart(*machine);
  }
}

void GroupKeeper::refresh(Group& group, const Names& names) {
  for (const std::string& name : names) {
    Member* member = group.find(name);
    if (member == nullptr || member->action != Action::none) continue;
    begin(*member, Action::refreshing);
    later(group, *member, park_.about(2), [this](Group& own, Member& fresh) {
      fresh.template_name = own.template_name;
      begin(fresh, Action::none);
    });
  }
}

void GroupKeeper::stop(Group& group, const Names& names, Delay delay) {
  for (const std::string& name : names) {
    Member* member = group.find(name);
    if (member == nullptr || member->action == Action::deleting_) continue;
    wish(group, *member, Wish::stopped);
    begin(*member, Action::stopping);
    later(group, *member, delay == Delay::none ? 0 : group.standby_delay,
          [this](Group& own, Member& ending) {
            if (Machine* machine = machine_of(own, ending)) park_.stop(*machine);
          });
  }
}

void GroupKeeper::suspend(Group& group, const Names& names, Delay delay) {
  for (const std::string& name : names) {
    Member* member = group.find(name);
    if (member == nullptr || member->action == Action::deleting_) continue;
    wish(group, *member, Wish::suspended);
    begin(*member, Action::suspending);
    later(group, *member, delay == Delay::none ? 0 : group.standby_delay,
          [this](Group& own, Member& tired) {
            if (Machine* machine = machine_of(own, tired)) park_.suspend(*machine);
          });
  }
}

void GroupKeeper::start(Group& group, const Names& names) {
  for (const std::string& name : names) {
    Member* member = group.find(name);
    if (member == nullptr || member->action == Action::deleting_) continue;
    const bool suspended = member->wish == Wish::suspended;
    wish(group, *member, Wish::running);
    begin(*member, suspended ? Action::resuming : Action::starting);
    later(group, *member, park_.about(settings_.timings.create_delay),
          [this](Group& own, Member& started) { attempt_start(own, started); });
  }
}

}  // namespace flaskscale::emulator
