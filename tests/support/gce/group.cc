#include "tests/support/gce/group.h"

#include <algorithm>

#include "base/check.h"

namespace flaskscale::emulator {

int& Group::size_of(Wish wish) {
  FS_CHECK(wish != Wish::nothing);
  if (wish == Wish::stopped) return target_stopped;
  return wish == Wish::suspended ? target_suspended : target_size;
}

Member* Group::find(const std::string& member) {
  const auto found = members.find(member);
  return found == members.end() ? nullptr : &found->second;
}

bool Group::is_stable() const {
  return std::all_of(members.begin(), members.end(),
                     [](const auto& each) { return each.second.action == Action::none; });
}

int Group::count(Action action) const {
  return static_cast<int>(std::count_if(members.begin(), members.end(), [&](const auto& each) {
    return each.second.action == action;
  }));
}

}  // namespace flaskscale::emulator
