// What makes and ends instances: processes, containers, virtual machines.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace flaskscale::scaler {

struct InstanceSpec {
  // Chosen by us, unique for ever within the pool: [a-z0-9-], at most 58 characters, first a
  // letter.
  std::string name;
};

struct InstanceReport {
  std::string name;
  // The provider's own identity of this incarnation: a process id, a VM's number. Empty while there
  // is none.
  std::string id;
  std::string address;   // "host:port" of its backend; empty while unknown
  bool running = false;  // it exists and has not ended; says nothing about answering
  bool exited = false;   // it ended by itself; it stays listed until remove()
  std::string detail;    // for people: "exited with status 1", "being created", …
};

// Creates, lists and deletes by name, nothing else; draining is decided and awaited by the caller.
// Calls may block for seconds. One call at a time per object, on any thread. Level-triggered: every
// call may be repeated with the same arguments, and the list is the truth.
class Provider {
 public:
  virtual ~Provider() = default;

  // Returns once the instance is asked for; list() tells what became of it. A name that exists is a
  // success.
  virtual Result<void> create(const InstanceSpec& spec) = 0;

  // All instances of this pool, also those that an earlier run of the program made. Errors: the
  // state is unknown, nothing may be concluded.
  virtual Result<std::vector<InstanceReport>> list() = 0;

  // Asks for its end and returns; the instance is listed until it is gone. An unknown name is a
  // success.
  virtual Result<void> remove(const std::string& name) = 0;
};

}  // namespace flaskscale::scaler
