// The managed instance groups: what they do to their members by order and by themselves.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/gce/group.h"
#include "tests/support/gce/machine_park.h"
#include "tests/support/gce/settings.h"
#include "tests/support/gce/timeline.h"

namespace flaskscale::emulator {

// Why an order was not carried out; in the operation, or at once as an HTTP status.
struct Rejection {
  std::string code;  // "MEMBER_ALREADY_EXISTS"
  std::string message;
  int http_status = 400;
  std::string reason;         // of an HTTP error
  bool in_operation = false;  // the call succeeds, its operation fails
};

// The references are borrowed. Orders take effect at once, their consequences in time. Names in
// orders must be members unless said otherwise.
class GroupKeeper {
 public:
  using Names = std::vector<std::string>;

  GroupKeeper(Settings& settings, Timeline& timeline, MachinePark& park);

  Group& add(const std::string& name, const std::string& location, bool regional,
             std::vector<std::string> zones);
  // Null: not there.
  Group* find(const std::string& location, const std::string& name);
  std::map<std::string, Group>& groups() { return groups_; }
  Machine* machine_of(const Group& group, const Member& member);

  // None of the names may be a member yet.
  std::optional<Rejection> create(Group& group, const Names& names);
  // Members that are being deleted already are left alone.
  void remove(Group& group, const Names& names);
  void abandon(Group& group, const Names& names);
  void recreate(Group& group, const Names& names);
  void restart(Group& group, const Names& names);
  void refresh(Group& group, const Names& names);
  enum class Delay : uint8_t { by_policy, none };
  void stop(Group& group, const Names& names, Delay delay);
  void suspend(Group& group, const Names& names, Delay delay);
  // Of stopped or suspended members.
  void start(Group& group, const Names& names);
  void resize(Group& group, int size);
  // A new template; a PROACTIVE group begins to replace its members.
  void use_template(Group& group, const std::string& name);
  // A machine of nobody becomes a member.
  void adopt(Group& group, Machine& machine);
  // Members that run and serve; `simulated`: without a program.
  void fill(Group& group, int count, bool simulated);
  // With all its machines, at once.
  void destroy(Group& group);

 private:
  using Step = std::function<void(Group&, Member&)>;

  void on_machine(Machine& machine, MachineChange change);
  void on_gone(Group& group, Member& member);
  void begin(Member& member, Action action);
  void wish(Group& group, Member& member, Wish wish);
  void later(const Group& group, const Member& member, double delay, Step step);
  void attempt(Group& group, Member& member);
  void attempt_start(Group& group, Member& member);
  void note_failure(Group& group, Member& member, LaunchError error);
  void expect_repair(Group& group, Member& member);
  void repair(Group& group, Member& member);
  void end_machine(Group& group, Member& member);
  void replace_outdated(const std::string& key);
  void grow(Group& group, int count);
  void shrink(Group& group, int count);
  Member& enter(Group& group, const std::string& name);

  Settings& settings_;
  Timeline& timeline_;
  MachinePark& park_;
  std::map<std::string, Group> groups_;  // by key(); never erased
};

}  // namespace flaskscale::emulator
