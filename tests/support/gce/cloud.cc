#include "tests/support/gce/cloud.h"

#include <cmath>
#include <utility>

namespace flaskscale::emulator {

Cloud::Cloud(Settings chosen, std::shared_ptr<const Discovery> document, MachineHost& host,
             double wall_base)
    : settings(std::move(chosen)),
      discovery(std::move(document)),
      client_wall_base(wall_base),
      schemas(discovery),
      faults(timeline, settings.seed + 4),
      park(settings, timeline, faults, host),
      keeper(settings, timeline, park),
      operations(settings, timeline),
      request_ids(settings, timeline),
      writer(settings, timeline, wall_base),
      access(settings, timeline),
      api(settings, timeline, park, keeper, operations, request_ids, writer) {
  access.align_minutes(std::fmod(wall_base, 60));
  for (const std::string& zone : settings.zones) {
    Group& group = keeper.add(settings.group, zone, false, {zone});
    keeper.fill(group, static_cast<int>(settings.size), false);
  }
}

}  // namespace flaskscale::emulator
