// A process that ends others when this one dies in whatever way.
#pragma once

#include <sys/types.h>

namespace flaskscale::emulator {

// To be made before the first thread. Any thread.
class Guardian {
 public:
  Guardian();
  // The guardian ends, and with it every process group that is still watched.
  ~Guardian();
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  void watch(pid_t group) { tell(group); }
  void forget(pid_t group) { tell(-group); }

 private:
  void tell(pid_t message);

  int pipe_ = -1;
  pid_t process_ = -1;
};

}  // namespace flaskscale::emulator
