// What a group does by itself: it follows its machines, repairs, replaces and resizes.
#include <algorithm>
#include <utility>

#include "tests/support/gce/group_keeper.h"

namespace flaskscale::emulator {

void GroupKeeper::on_machine(Machine& machine, MachineChange change) {
  const auto found = groups_.find(machine.group);
  Member* member = found == groups_.end() ? nullptr : found->second.find(machine.name);
  if (member == nullptr || member->zone != machine.zone) return;
  Group& group = found->second;
  switch (change) {
    case MachineChange::running:
      member->errors.clear();
      if (group.autohealing && member->action == Action::creating) {
        begin(*member, Action::verifying);
        later(group, *member, park_.about(settings_.timings.boot),
              [this](Group&, Member& verified) { begin(verified, Action::none); });
      } else if (member->action != Action::deleting_ && member->action != Action::abandoning) {
        begin(*member, Action::none);
      }
      break;
    case MachineChange::suspended:
      if (member->action == Action::suspending) begin(*member, Action::none);
      break;
    case MachineChange::terminated:
      if (member->action == Action::stopping) {
        begin(*member, Action::none);
      } else if (member->action == Action::deleting_ || member->action == Action::recreating) {
        // Preempted while it was being ended: goes on ending.
        park_.remove(machine);
      } else {
        expect_repair(group, *member);
      }
      break;
    case MachineChange::gone:
      member->old_address = machine.address;
      machine.group.clear();
      on_gone(group, *member);
      break;
  }
}

void GroupKeeper::on_gone(Group& group, Member& member) {
  if (member.action == Action::deleting_ || member.action == Action::abandoning) {
    group.members.erase(std::string(member.name));
    return;
  }
  if (member.action == Action::recreating) {
    later(group, member, park_.about(settings_.timings.create_delay),
          [this](Group& own, Member& again) { attempt(own, again); });
    return;
  }
  if (member.wish == Wish::suspended || member.wish == Wish::stopped) {
    wish(group, member, Wish::nothing);
    group.members.erase(std::string(member.name));
    return;
  }
  expect_repair(group, member);
}

void GroupKeeper::expect_repair(Group& group, Member& member) {
  if (!group.repairs || member.wish != Wish::running) return;
  const double notice =
      park_.chance().between(settings_.timings.notice_least, settings_.timings.notice_most);
  later(group, member, notice, [this](Group& own, Member& broken) { repair(own, broken); });
}

void GroupKeeper::repair(Group& group, Member& member) {
  const Machine* machine = machine_of(group, member);
  if (machine != nullptr && machine->status == MachineStatus::running) return;
  begin(member, Action::recreating);
  end_machine(group, member);
}

void GroupKeeper::use_template(Group& group, const std::string& name) {
  group.template_name = name;
  ++group.version;
  if (group.update_type == "PROACTIVE") replace_outdated(group.key());
}

void GroupKeeper::replace_outdated(const std::string& key) {
  const auto found = groups_.find(key);
  if (found == groups_.end() || !found->second.there) return;
  Group& group = found->second;
  if (group.update_type != "PROACTIVE") return;
  const auto outdated = [&](const auto& each) {
    return each.second.template_name != group.template_name && each.second.wish == Wish::running;
  };
  const auto next = std::find_if(group.members.begin(), group.members.end(), outdated);
  if (next == group.members.end()) return;
  if (group.is_stable()) recreate(group, {next->first});
  timeline_.after(5, [this, key] { replace_outdated(key); });
}

void GroupKeeper::resize(Group& group, int size) {
  if (size > group.target_size) grow(group, size - group.target_size);
  if (size < group.target_size) shrink(group, group.target_size - size);
}

void GroupKeeper::grow(Group& group, int count) {
  Names stopped;
  for (const auto& [name, member] : group.members) {
    const bool off = member.wish == Wish::stopped || member.wish == Wish::suspended;
    const bool wanted = group.standby_mode == "SCALE_OUT_POOL" && off &&
                        member.action == Action::none &&
                        stopped.size() < static_cast<size_t>(count);
    if (wanted) stopped.push_back(name);
  }
  start(group, stopped);
  for (int made = static_cast<int>(stopped.size()); made < count;) {
    const std::string name = group.base_name + "-" + park_.chance().word(4);
    if (group.find(name) != nullptr || park_.find_anywhere(name) != nullptr) continue;
    Member& member = enter(group, name);
    begin(member, Action::creating);
    later(group, member, park_.about(settings_.timings.create_delay),
          [this](Group& own, Member& queued) { attempt(own, queued); });
    ++made;
  }
}

void GroupKeeper::shrink(Group& group, int count) {
  Names running;
  for (const auto& [name, member] : group.members) {
    if (member.wish == Wish::running) running.push_back(name);
  }
  for (size_t i = running.size(); i > 1; --i) {
    std::swap(running[i - 1], running[park_.chance().number() % i]);
  }
  running.resize(std::min(running.size(), static_cast<size_t>(count)));
  remove(group, running);
}

void GroupKeeper::adopt(Group& group, Machine& machine) {
  Member& member = enter(group, machine.name);
  member.zone = machine.zone;
  member.template_name = machine.template_name;
  begin(member, Action::none);
  machine.group = group.key();
}

void GroupKeeper::fill(Group& group, int count, bool simulated) {
  for (int made = 0; made < count;) {
    const std::string name = group.base_name + "-" + park_.chance().word(4);
    if (group.find(name) != nullptr || park_.find_anywhere(name) != nullptr) continue;
    Member& member = enter(group, name);
    begin(member, Action::none);
    park_.put({.name = name,
               .zone = member.zone,
               .template_name = group.template_name,
               .group = group.key(),
               .address = "",
               .simulated = simulated});
    ++made;
  }
}

void GroupKeeper::destroy(Group& group) {
  Names all;
  for (const auto& [name, member] : group.members) all.push_back(name);
  remove(group, all);
  group.there = false;
}

}  // namespace flaskscale::emulator
