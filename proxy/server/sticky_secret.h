// The secret behind the names in sticky cookies, where the configuration gives none.
#pragma once

#include <string>

#include "proxy/config/model.h"

namespace flaskscale::server {

// Control loop only.
class StickySecret {
 public:
  // Gives every pool with a sticky cookie and without a secret the one that is kept in state_dir,
  // which is made if it is not there, so that cookies outlive a restart. Where it can't be kept it
  // is another in each process, and a warning says so.
  void complete(config::Model& model);

 private:
  std::string secret_;  // empty: not needed yet
};

}  // namespace flaskscale::server
