#include "bench/scaling/contestants.h"

#include <memory>
#include <utility>

#include "simulator/clairvoyant.h"
#include "simulator/fixed_law.h"
#include "simulator/flaskscale_driver.h"
#include "simulator/gce_law.h"
#include "simulator/hpa_law.h"
#include "simulator/knative_law.h"
#include "simulator/reference_driver.h"
#include "simulator/target_tracking_law.h"

namespace flaskscale::bench {
namespace {

using simulator::DriverFactory;
using simulator::DriverParts;
using simulator::ScalingLaw;

constexpr uint32_t kQueueLimit = 1'000'000;  // the time-out limits it
constexpr double kBootSeconds = 60;

scaler::Policy policy_for(const Load& load, double availability) {
  scaler::Policy policy;
  policy.min = load.min;
  policy.max = kMostInstances;
  policy.slots = kSlots;
  policy.availability = availability;
  policy.queue_timeout = std::chrono::seconds(30);
  policy.queue_limit = kQueueLimit;
  return policy;
}

Contestant ours(const std::string& name, double availability) {
  Contestant contestant;
  contestant.title = "FlaskScale q=" + name;
  contestant.name = "ours" + name;
  contestant.ours = true;
  contestant.availability = availability;
  contestant.driver = [availability](const Load& load) {
    return simulator::flaskscale_driver(policy_for(load, availability));
  };
  return contestant;
}

Contestant reference(std::string name, std::string title,
                     const std::function<std::unique_ptr<ScalingLaw>()>& make_law) {
  Contestant contestant;
  contestant.name = std::move(name);
  contestant.title = std::move(title);
  contestant.driver = [make_law](const Load& load) -> DriverFactory {
    simulator::ReferenceSettings settings;
    settings.min = load.min;
    settings.max = kMostInstances;
    settings.slots = kSlots;
    settings.boot_median = std::chrono::seconds(static_cast<int>(kBootSeconds));
    return [make_law, settings](DriverParts parts) {
      return std::make_unique<simulator::ReferenceDriver>(make_law(), settings, parts);
    };
  };
  return contestant;
}

uint32_t need_at_start(const Load& load) {
  simulator::LoadCurveReader reader(load.workload.rate);
  return simulator::wait_free_need(reader.span(0, 1).mean,
                                   {kRequestsPerSecond, kBootSeconds, load.min, kMostInstances});
}

// As many instances all the time as the load asks for at its peak.
Contestant fixed_fleet() {
  Contestant contestant;
  contestant.name = "fixed";
  contestant.title = "fixed fleet of the peak";
  contestant.begin_with = [](const Load& load) { return clairvoyant_of(load).peak(); };
  contestant.driver = [](const Load& load) -> DriverFactory {
    const uint32_t size = clairvoyant_of(load).peak();
    return [size](DriverParts parts) {
      simulator::ReferenceSettings settings;
      settings.min = settings.max = size;
      settings.slots = kSlots;
      return std::make_unique<simulator::ReferenceDriver>(
          std::make_unique<simulator::FixedLaw>(size), settings, parts);
    };
  };
  return contestant;
}

template <typename Law, typename Settings = typename Law::Settings>
std::function<std::unique_ptr<ScalingLaw>()> with(const Settings& settings) {
  return [settings] { return std::make_unique<Law>(settings); };
}

}  // namespace

simulator::Clairvoyant clairvoyant_of(const Load& load) {
  simulator::LoadCurveReader reader(load.workload.rate);
  simulator::Clairvoyant clairvoyant({kRequestsPerSecond, kBootSeconds, load.min, kMostInstances});
  for (double at = 0; at < load.workload.seconds; at += 1) {
    // Slower service is as many more requests.
    const double slower = load.workload.service.mean_at(at) / kServiceSeconds;
    clairvoyant.add_second(reader.span(at, at + 1).mean * slower);
  }
  return clairvoyant;
}

std::vector<Contestant> contestants() {
  using simulator::GceLaw;
  using simulator::HpaLaw;
  using simulator::KnativeLaw;
  using simulator::TargetTrackingLaw;
  std::vector<Contestant> all;
  KnativeLaw::Settings delayed;
  delayed.scale_down_delay = 300;
  HpaLaw::Settings per_pod;
  per_pod.metric = HpaLaw::Metric::per_pod;
  all.push_back(fixed_fleet());
  all.push_back(reference("kpa", "Knative KPA", with<KnativeLaw>(KnativeLaw::Settings{})));
  all.push_back(reference("kpa300", "Knative + 300 s delay", with<KnativeLaw>(delayed)));
  all.push_back(reference("hpa", "HPA AverageValue (KEDA)", with<HpaLaw>(HpaLaw::Settings{})));
  all.push_back(reference("hpapod", "HPA in-flight/pod", with<HpaLaw>(per_pod)));
  all.push_back(reference("gce", "GCE MIG util 0.7", with<GceLaw>(GceLaw::Settings{})));
  all.push_back(reference("aws", "AWS target tracking 3/15",
                          with<TargetTrackingLaw>(TargetTrackingLaw::Settings{})));
  all.push_back(ours(".90", 0.90));
  all.push_back(ours(".95", 0.95));
  all.push_back(ours(".99", 0.99));
  return all;
}

simulator::SimulationSettings settings_for(const Load& load, const Contestant& contestant,
                                           balancer::QueueOrder order, uint64_t seed) {
  simulator::SimulationSettings settings;
  settings.pool.slots = kSlots;
  settings.pool.queue_limit = kQueueLimit;
  settings.pool.queue_bytes = ~0ULL;
  settings.pool.queue_timeout = std::chrono::seconds(30);
  settings.pool.queue_order = order;
  settings.pool.slow_start = Duration::zero();
  settings.cloud.boot = simulator::BootTimeModel::uniform(40, 80);
  settings.cloud.stockouts = load.stockouts;
  settings.hold = simulator::HoldRule::when_empty;
  settings.slo_wait = 0.5;
  settings.begin_with = contestant.begin_with ? contestant.begin_with(load) : need_at_start(load);
  settings.crashes = load.crashes;
  settings.blind = load.blind;
  settings.seed = seed;
  return settings;
}

}  // namespace flaskscale::bench
