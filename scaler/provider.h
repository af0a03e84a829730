// What makes and ends instances: processes, containers, virtual machines.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"

namespace flaskscale::scaler {

// Why an instance can't be made now. A reason word in decisions: "stockout", "quota",
// "configuration", "failed".
enum class Obstacle : uint8_t {
  none,
  capacity,       // nobody has such a machine in this zone: try another, or later
  quota,          // this account may have no more: only an operator helps
  configuration,  // a permission, an image, a template: only an operator helps
  other,
};
std::string_view to_string(Obstacle obstacle);
// out_of_capacity, quota_exceeded, and misconfigured or permission_denied name their class.
Obstacle obstacle_of(const Error& error);

struct InstanceReport {
  std::string name;
  // The provider's own identity of this incarnation: a process id, a VM's number. Empty while there
  // is none.
  std::string id;
  std::string address;    // "host:port" of its backend; empty while unknown
  std::string zone;       // one of Abilities::zones
  std::string version;    // what it was made from: a template, an image; empty: unknown
  bool ours = false;      // certainly of this pool, whatever its name
  bool running = false;   // it exists and has not ended; says nothing about answering
  bool exited = false;    // it ended by itself; it stays listed until remove()
  bool outdated = false;  // create() would make a newer version now
  bool stopped = false;   // its machine is off but its disk is kept: start() brings it back
  bool leaving = false;   // somebody else is ending it, or it is being preempted: no new request
  // Its making or its start has failed and is no capacity on its way; it stays listed until
  // remove().
  Obstacle obstacle = Obstacle::none;
  std::string detail;  // for people: "exited with status 1", "being created", …
};

// What this provider can do; may change with a reload only.
struct Abilities {
  std::vector<std::string> zones = {""};  // in order of preference, never empty
  bool can_stop = false;                  // stop() and start() work
  // How often the list is worth asking for, at rest and while something moves.
  Duration list_interval = std::chrono::seconds(1);
  Duration list_interval_moving = std::chrono::seconds(1);
};

// One logical action on some instances.
struct InstanceCall {
  // Chosen by us, unique for ever within the pool: [a-z0-9-], at most 58 characters, first a
  // letter.
  std::vector<std::string> names;
  std::string zone;  // all of them are there; create(): the zone to make them in
  // A UUID: the same for each try of the same action, also after a restart of this program.
  std::string request_id;
};

// Creates, stops, starts, lists and deletes by name, nothing else; draining is decided and awaited
// by the caller. Calls may block for seconds. One call at a time per object, on any thread.
// Level-triggered: every call may be repeated with the same arguments, and the list is the truth.
class Provider {
 public:
  virtual ~Provider() = default;

  // Any thread, does not block.
  virtual Abilities abilities() const { return {}; }

  // Returns once the instances are asked for; list() tells what became of each. Names that exist
  // and are ours are a success. An error concerns all names, see obstacle_of(); some of them may
  // have been made nevertheless.
  virtual Result<void> create(const InstanceCall& call) = 0;

  // All instances of this pool, also those that an earlier run of the program made. Errors: the
  // state is unknown, nothing may be concluded.
  virtual Result<std::vector<InstanceReport>> list() = 0;

  // Asks for their end and returns; each is listed until it is gone. Unknown names are a success.
  virtual Result<void> remove(const InstanceCall& call) = 0;

  // Only with can_stop. Asks and returns, as the others do.
  virtual Result<void> stop(const InstanceCall& call);
  virtual Result<void> start(const InstanceCall& call);
};

}  // namespace flaskscale::scaler
