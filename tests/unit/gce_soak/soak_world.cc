#include "tests/unit/gce_soak/soak_world.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/log.h"

namespace flaskscale::soak {
namespace {

using emulator::Json;

constexpr double kCycle = 4 * 3600;  // three hours of faults, then one of calm
constexpr double kFaulty = 3 * 3600;
constexpr double kStrikesPerSecond = 1.0 / 150;
constexpr double kKillsPerSecond = 1.0 / 2400;
constexpr double kDeathAtIntention = 0.01;
constexpr double kLeakBound = 45 * 60;  // seconds that a machine may be unknown to the scaler
constexpr double kYoungBoot = 120;      // seconds
constexpr size_t kProblemsKept = 20;
constexpr double kLargestRate = 120;  // requests per second
constexpr Duration kLatency = std::chrono::milliseconds(60);

emulator::Settings cloud_settings(const SoakOptions& options) {
  emulator::Settings settings;
  settings.zones = {"us-central1-a", "us-central1-b"};
  settings.seed = options.seed;
  settings.check_all = false;
  return settings;
}

scaler::Policy pool_policy(const SoakOptions& options) {
  scaler::Policy policy;
  policy.min = 2;
  policy.max = 12;
  policy.slots = 8;
  policy.standby = options.standby;
  policy.boot_timeout = std::chrono::minutes(4);
  policy.drain_timeout = std::chrono::minutes(2);
  return policy;
}

}  // namespace

class SoakWorld::Line final : public scaler::HttpClient {
 public:
  explicit Line(SoakWorld& world)
      : world_(world),
        client_(
            world.cloud_, [&world](Duration time) { world.live(time); }, kLatency) {}

  Result<scaler::HttpResponse> send(const scaler::HttpRequest& request) override {
    if (world_.dead_) return make_error(ErrorCode::cancelled, "dead");
    world_.watch_call(request);
    auto response = client_.send(request);
    if (world_.dead_) return make_error(ErrorCode::cancelled, "dead");
    return response;
  }

 private:
  SoakWorld& world_;
  emulator::InProcessClient client_;
};

SoakWorld::SoakWorld(const SoakOptions& options)
    : options_(options),
      policy_(pool_policy(options)),
      cloud_(cloud_settings(options), options.discovery, host_),
      chance_(options.seed + 1000),
      random_(options.seed + 2000),
      faults_(cloud_, options.seed + 3000),
      pool_(cloud_, host_, policy_, options.seed + 4000,
            [this](const std::string& problem) { note(problem); }),
      journal_([this] {
        if (!calm_ && chance_.happens(kDeathAtIntention)) kill_scaler();
      }) {
  cloud_.cloud().ledger.keep_bodies(false);
}

void SoakWorld::note(const std::string& problem) {
  spdlog::error("broken promise at {} s: {}", cloud_.now(), problem);
  if (problems_.size() < kProblemsKept) {
    problems_.push_back("at " + std::to_string(cloud_.now()) + " s: " + problem + "\n" + summary());
  }
}

void SoakWorld::run(std::function<void()> blocking, std::function<void()> then) {
  jobs_.push_back({std::move(blocking), std::move(then)});
}

void SoakWorld::start_scaler() {
  dead_ = false;
  journal_.closed = false;
  scaler::GceSettings settings;
  settings.pool = "web";
  settings.zones = cloud_.cloud().settings.zones;
  settings.group = "shop";
  settings.port = 8000;
  settings.owner = "soak";
  settings.calls_per_minute = options_.calls_per_minute;
  scaler::GceClock clock;
  clock.now = [this] { return cloud_.steady(); };
  clock.wall = [this] { return cloud_.wall(); };
  clock.sleep = [this](Duration time) { live(time); };
  auto tokens =
      std::make_shared<scaler::GceTokenSource>(settings.credentials, Random(random_.next()));
  provider_ = std::make_unique<scaler::GceProvider>(
      std::move(settings), std::make_unique<Line>(*this), std::move(tokens), Random(random_.next()),
      std::move(clock));
  scaler_ = std::make_unique<scaler::PoolScaler>("web", policy_,
                                                 scaler::PoolScalerParts{.provider = *provider_,
                                                                         .executor = *this,
                                                                         .membership = pool_,
                                                                         .random = random_,
                                                                         .journal = &journal_,
                                                                         .events = nullptr},
                                                 [](WallTime) { return std::chrono::seconds(0); });
}

// The objects live on until the call under way, if any, has come back; but nothing that they do
// has an effect any more.
void SoakWorld::kill_scaler() {
  if (dead_ || scaler_ == nullptr) return;
  dead_ = true;
  journal_.closed = true;
  ++kills_;
  ++kills_this_minute_;
  provider_->cancel();
}

void SoakWorld::bury_scaler() {
  jobs_.clear();
  scaler_.reset();
  provider_.reset();
  pool_.forget_all();
  live(from_seconds(chance_.between(0.5, 90)));
  start_scaler();
}

void SoakWorld::run_jobs() {
  while (!jobs_.empty()) {
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    job.blocking();
    if (!dead_) job.then();
    if (dead_) bury_scaler();
  }
}

void SoakWorld::run() {
  start_scaler();
  while (hour() < options_.hours && problems_.size() < kProblemsKept) {
    live(from_seconds(std::max(0.001, next_tick_ - cloud_.now())));
    if (dead_) bury_scaler();
    run_jobs();
  }
}

void SoakWorld::live(Duration time) {
  const double until = cloud_.now() + to_seconds(time);
  while (cloud_.now() < until) {
    cloud_.advance(std::min(until, next_tick_) - cloud_.now());
    if (cloud_.now() < next_tick_) continue;
    next_tick_ += 1;
    tick();
  }
}

void SoakWorld::tick() {
  ++seconds_;
  guide();
  pool_.second(cloud_.steady());
  if (scaler_ != nullptr && !dead_) {
    scaler_->tick(pool_.sample(), cloud_.steady(), cloud_.wall());
  }
  if (seconds_ % 60 == 0) {
    check_leaks();
    check_minute();
  }
}

void SoakWorld::guide() {
  const double into_cycle = std::fmod(cloud_.now(), kCycle);
  const bool calm = into_cycle >= kFaulty;
  if (calm && !calm_) {
    faults_.end_all();
    level_ = 0.4;
  }
  if (!calm && calm_) check_calm();
  calm_ = calm;
  if (!calm) {
    if (chance_.happens(kStrikesPerSecond)) faults_.strike();
    if (chance_.happens(kKillsPerSecond)) kill_scaler();
    if (seconds_ % 300 == 0) level_ = std::clamp(level_ + chance_.between(-0.35, 0.35), 0.0, 1.0);
  }
  const double day = 0.75 + 0.25 * std::sin(cloud_.now() / 86'400 * 6.283);
  pool_.load(kLargestRate * level_ * (calm ? 1 : day));
}

// A machine of the group that is to run must be one of the scaler's, or become it soon.
void SoakWorld::check_leaks() {
  if (scaler_ == nullptr || dead_) return;
  std::map<std::string, double> unknown;
  const scaler::ScalerStatus status = scaler_->status(cloud_.steady());
  for (const auto& [key, group] : cloud_.cloud().keeper.groups()) {
    for (const auto& [name, member] : group.members) {
      if (member.action == emulator::Action::deleting_) continue;
      const auto is_it = [&wanted = name](const auto& each) { return each.name == wanted; };
      const bool known = std::any_of(status.instances.begin(), status.instances.end(), is_it);
      if (known) continue;
      const auto before = unknown_since_.find(name);
      const double since = before == unknown_since_.end() ? cloud_.now() : before->second;
      unknown[name] = since;
      if (cloud_.now() - since > kLeakBound) note("leaked " + name);
    }
  }
  unknown_since_ = std::move(unknown);
}

void SoakWorld::check_minute() {
  const uint64_t total = cloud_.cloud().ledger.total();
  const auto calls = static_cast<uint32_t>(total - calls_before_);
  calls_before_ = total;
  most_calls_ = std::max(most_calls_, calls);
  const uint32_t allowed = options_.calls_per_minute * (1 + kills_this_minute_);
  kills_this_minute_ = 0;
  if (calls > allowed) note(std::to_string(calls) + " calls in one minute");
}

// After an hour without faults.
void SoakWorld::check_calm() {
  if (scaler_ == nullptr || dead_) return;
  const scaler::ScalerStatus status = scaler_->status(cloud_.steady());
  const size_t wanted = std::max(status.desired, policy_.min);
  // What the law has just asked for may still be on its way.
  const auto young = static_cast<size_t>(
      std::count_if(status.instances.begin(), status.instances.end(), [](const auto& each) {
        return each.state == scaler::InstanceState::booting && each.age_seconds < kYoungBoot;
      }));
  if (pool_.open() > wanted || pool_.open() + young < wanted) {
    note("after the calm " + std::to_string(pool_.open()) + " are healthy of " +
         std::to_string(wanted));
  }
  size_t running = 0;
  for (const auto& [key, group] : cloud_.cloud().keeper.groups()) {
    for (const auto& [name, member] : group.members) {
      running += member.wish == emulator::Wish::running ? 1 : 0;
    }
  }
  if (running != wanted + pool_.draining()) {
    note("after the calm " + std::to_string(running) + " machines are to run, wanted " +
         std::to_string(wanted));
  }
}

void SoakWorld::watch_call(const scaler::HttpRequest& request) {
  const bool deletes = request.url.find("/deleteInstances") != std::string::npos;
  const bool stops = request.url.find("/stopInstances") != std::string::npos ||
                     request.url.find("/suspendInstances") != std::string::npos;
  if (!deletes && !stops) return;
  const Json body = Json::parse(request.body, nullptr, false);
  for (const Json& instance : body.value("instances", Json::array())) {
    const std::string url = instance.get<std::string>();
    const emulator::Machine* machine =
        cloud_.cloud().park.find_anywhere(url.substr(url.rfind('/') + 1));
    if (machine == nullptr) continue;
    if (pool_.has(machine->address + ":8000")) {
      note(machine->name + " is ended while it is in the pool");
    }
  }
}

uint64_t SoakWorld::violations() { return cloud_.cloud().ledger.violations(); }

std::string SoakWorld::summary() {
  std::string text = std::to_string(hour()) + " h, " + std::to_string(kills_) + " kills, " +
                     std::to_string(faults_.strikes()) + " strikes, most calls a minute " +
                     std::to_string(most_calls_) + ", calls " +
                     std::to_string(cloud_.cloud().ledger.total()) + "\n";
  text += cloud_.cloud().ledger.violations_json().dump() + "\n";
  if (scaler_ != nullptr) {
    const scaler::ScalerStatus status = scaler_->status(cloud_.steady());
    text += "desired " + std::to_string(status.desired) + " need " + std::to_string(status.need) +
            " last error: " + status.last_error + "\n";
    for (const auto& each : status.instances) {
      text += "  " + each.name + " " + each.zone + " " + std::string(to_string(each.state)) + " " +
              each.failure + "\n";
    }
  }
  const Json state = cloud_.control("GET", "/_emu/state");
  for (const Json& group : state["groups"]) {
    for (const Json& member : group["members"]) text += "  cloud: " + member.dump() + "\n";
  }
  return text;
}

}  // namespace flaskscale::soak
