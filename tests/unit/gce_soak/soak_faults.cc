#include "tests/unit/gce_soak/soak_faults.h"

#include <utility>

#include "base/check.h"

namespace flaskscale::soak {

using emulator::Json;

SoakFaults::SoakFaults(emulator::Emulator& cloud, uint64_t seed) : cloud_(cloud), chance_(seed) {}

void SoakFaults::act(const std::string& what, const Json& body) {
  cloud_.control("POST", "/_emu/actions/" + what, body);
}

void SoakFaults::fault(Json details, double least_seconds, double most_seconds) {
  details["until"] = chance_.between(least_seconds, most_seconds);
  const Json answer = cloud_.control("POST", "/_emu/faults", details);
  FS_CHECK(answer.contains("id"));
}

std::optional<std::string> SoakFaults::some_machine() {
  const auto& machines = cloud_.cloud().park.machines();
  if (machines.empty()) return std::nullopt;
  auto at = machines.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(chance_.number() % machines.size()));
  return at->second.name;
}

std::string SoakFaults::some_zone() {
  const auto& zones = cloud_.cloud().settings.zones;
  return zones[chance_.number() % zones.size()];
}

void SoakFaults::strike() {
  ++strikes_;
  switch (chance_.number() % 4) {
    case 0:
      break_calls();
      break;
    case 1:
      break_machines();
      break;
    case 2:
      break_lists_and_tokens();
      break;
    default:
      meddle();
  }
}

void SoakFaults::break_calls() {
  const char* method = one_of({"*", "*.createInstances", "*.deleteInstances", "*.list*",
                               "instances.list", "zoneOperations.*", "*.listManagedInstances"});
  const double share = chance_.between(0.1, 1);
  const Json base = {{"method", method}, {"probability", share}};
  const auto with = [&](Json more) {
    more.update(base);
    return more;
  };
  switch (chance_.number() % 12) {
    case 0:
      return fault(with({{"kind", "http"}, {"status", 503}}), 10, 600);
    case 1:
      return fault(with({{"kind", "http"}, {"status", 502}, {"html", true}}), 10, 300);
    case 2:
      return fault(with({{"kind", "http"}, {"status", 403}, {"reason", "rateLimitExceeded"}}), 20,
                   150);
    case 3:
      return fault(with({{"kind", "http"},
                         {"status", 429},
                         {"reason", "rateLimitExceeded"},
                         {"retry_after", 5}}),
                   10, 120);
    case 4:
      return fault(with({{"kind", "http"},
                         {"status", 403},
                         {"reason", "rateLimitExceeded"},
                         {"detail_reason", "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"}}),
                   20, 200);
    case 5:
      return fault(with({{"kind", "reset"}, {"when", "after"}}), 10, 300);
    case 6:
      return fault(with({{"kind", "reset"}, {"when", "before"}}), 10, 300);
    case 7:
      return fault(with({{"kind", "hang"}}), 5, 90);
    case 8:
      return fault(with({{"kind", "latency"}, {"seconds", chance_.between(0.5, 20)}}), 10, 300);
    case 9:
      return fault(with({{"kind", one_of({"garbage", "truncate"})}}), 10, 200);
    case 10:
      return fault({{"kind", "operation"},
                    {"method", one_of({"*.createInstances", "*.deleteInstances", "*Instances"})},
                    {"outcome", one_of({"slow", "never_done", "lost"})},
                    {"seconds", 40},
                    {"probability", share}},
                   30, 600);
    default:
      return fault({{"kind", "operation"},
                    {"method", "*.createInstances"},
                    {"outcome", "error"},
                    {"code", one_of({"INTERNAL_ERROR", "RESOURCE_OPERATION_RATE_EXCEEDED",
                                     "QUOTA_EXCEEDED"})},
                    {"probability", share}},
                   30, 400);
  }
}

void SoakFaults::break_machines() {
  const double share = chance_.between(0.2, 1);
  switch (chance_.number() % 6) {
    case 0:
      return fault(
          {{"kind", "create"}, {"method", "vm.*"}, {"zone", some_zone()}, {"probability", share}},
          60, 2400);
    case 1:
      return fault({{"kind", "create"},
                    {"method", "vm.*"},
                    {"probability", share},
                    {"code", one_of({"QUOTA_EXCEEDED", "IP_SPACE_EXHAUSTED",
                                     "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"})}},
                   60, 1200);
    case 2:
      return fault({{"kind", "boot"},
                    {"method", "vm.boot"},
                    {"what", "never_serves"},
                    {"probability", share}},
                   60, 900);
    case 3:
      return fault({{"kind", "boot"},
                    {"method", "vm.boot"},
                    {"what", "fails_later"},
                    {"seconds", 120},
                    {"probability", share}},
                   60, 600);
    case 4:
      return fault({{"kind", "boot"},
                    {"method", "vm.boot"},
                    {"what", "vanishes"},
                    {"seconds", 60},
                    {"probability", share}},
                   60, 600);
    default:
      return fault({{"kind", "boot"},
                    {"method", "vm.boot"},
                    {"what", "slow"},
                    {"seconds", chance_.between(20, 400)},
                    {"probability", share}},
                   60, 900);
  }
}

void SoakFaults::break_lists_and_tokens() {
  switch (chance_.number() % 7) {
    case 0:
      return fault({{"kind", "list"},
                    {"what", "stale"},
                    {"seconds", 10},
                    {"method", "*.list*"},
                    {"probability", 0.5}},
                   10, 60);
    case 1:
      return fault({{"kind", "list"}, {"what", "duplicate"}, {"rows", 2}, {"method", "*.list*"}},
                   10, 300);
    case 2:
      return fault({{"kind", "list"}, {"what", "foreign"}, {"method", "*.listManagedInstances"}},
                   10, 300);
    case 3:
      return fault({{"kind", "http"}, {"status", 503}, {"method", "metadata.*"}}, 30, 900);
    case 4:
      return fault({{"kind", "token"}, {"expires_in", 20}, {"method", "metadata.token"}}, 60, 900);
    case 5:
      return act("expire_tokens", {});
    default:
      return act("step_clock", {{"seconds", chance_.between(-3600, 3600)}});
  }
}

void SoakFaults::meddle() {
  const auto name = some_machine();
  if (!name) return;
  switch (chance_.number() % 10) {
    case 0:
      return act("preempt", {{"name", *name}, {"notice", 30}});
    case 1:
      return act("preempt", {{"name", *name}, {"notice", 0}});
    case 2:
      return act("delete", {{"name", *name}});
    case 3:
      return act("stop", {{"name", *name}});
    case 4:
      return act("abandon", {{"group", "shop"}, {"names", {*name}}});
    case 5:
      return act(one_of({"crash", "hang", "break"}), {{"name", *name}});
    case 6:
      return act("forget_request_ids", {});
    case 7:
      return act("forget_operations", {});
    case 8: {
      const std::string next = "shop-v" + std::to_string(++templates_);
      return act("set_template", {{"group", "shop"}, {"template", next}});
    }
    default:
      return act("host_error", {{"name", *name}});
  }
}

void SoakFaults::end_all() { cloud_.control("DELETE", "/_emu/faults"); }

}  // namespace flaskscale::soak
