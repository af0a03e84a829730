// A managed instance group and its members, as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/gce/json.h"
#include "tests/support/gce/launch_error.h"

namespace flaskscale::emulator {

// What the group is doing to a member.
enum class Action : uint8_t {
  none,
  creating,
  recreating,
  deleting_,
  abandoning,
  restarting,
  refreshing,
  verifying,
  starting,
  stopping,
  suspending,
  resuming,
};

struct ActionWords {
  Action action;
  const char* word;     // of managedInstances[].currentAction
  const char* counter;  // of currentActions
};
inline constexpr std::array<ActionWords, 12> kActions{{
    {Action::none, "NONE", "none"},
    {Action::creating, "CREATING", "creating"},
    {Action::recreating, "RECREATING", "recreating"},
    {Action::deleting_, "DELETING", "deleting"},
    {Action::abandoning, "ABANDONING", "abandoning"},
    {Action::restarting, "RESTARTING", "restarting"},
    {Action::refreshing, "REFRESHING", "refreshing"},
    {Action::verifying, "VERIFYING", "verifying"},
    {Action::starting, "STARTING", "starting"},
    {Action::stopping, "STOPPING", "stopping"},
    {Action::suspending, "SUSPENDING", "suspending"},
    {Action::resuming, "RESUMING", "resuming"},
}};
inline std::string_view to_text(Action action) {
  return kActions[static_cast<size_t>(action)].word;
}

// Which of the group's sizes counts the member.
enum class Wish : uint8_t { running, stopped, suspended, nothing };

struct Member {
  std::string name;
  std::string zone;
  Action action = Action::creating;
  Wish wish = Wish::running;
  std::string template_name;
  std::vector<LaunchError> errors;  // of the last attempt
  std::string old_address;          // of the machine before a repair
  double created = 0;
  uint64_t turn = 0;  // grows with each change of action
};

struct GroupError {
  double at = 0;
  std::string instance;
  Action action = Action::creating;
  LaunchError error;
};

struct Group {
  std::string name;
  std::string location;  // a zone, or a region
  bool regional = false;
  std::vector<std::string> zones;
  std::string base_name;
  std::string template_name;
  std::string description;
  uint64_t id = 0;
  double created = 0;
  uint64_t version = 1;  // what the fingerprint is made of
  bool there = true;     // false: deleted, may be restored

  int target_size = 0;
  int target_stopped = 0;
  int target_suspended = 0;
  std::map<std::string, Member> members;
  std::deque<GroupError> errors;

  std::string update_type = "OPPORTUNISTIC";
  std::string replacement = "SUBSTITUTE";
  std::string minimal_action = "REPLACE";
  bool repairs = true;
  bool paginated = true;
  bool autohealing = false;
  bool has_autoscaler = false;
  std::string standby_mode = "MANUAL";
  int standby_delay = 0;
  Json all_instances_config;  // as it was patched; null: none

  std::string key() const { return location + "/" + name; }
  int& size_of(Wish wish);
  Member* find(const std::string& member);
  bool is_stable() const;
  int count(Action action) const;
};

}  // namespace flaskscale::emulator
