// The token sources of the program: pools with the same credentials share one.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "base/random.h"
#include "scaler/providers/gce_settings.h"
#include "scaler/providers/gce_token_source.h"

namespace flaskscale::scaler {

// Any thread.
class GceTokenSources {
 public:
  explicit GceTokenSources(Random random = Random(random_seed())) : random_(random) {}

  // Shared by those who use it; gone with the last of them.
  std::shared_ptr<GceTokenSource> of(const GceCredentials& credentials);

 private:
  std::mutex mutex_;
  Random random_;                                                    // guarded by mutex_
  std::map<GceCredentials, std::weak_ptr<GceTokenSource>> sources_;  // guarded by mutex_
};

}  // namespace flaskscale::scaler
