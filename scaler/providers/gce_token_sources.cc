#include "scaler/providers/gce_token_sources.h"

namespace flaskscale::scaler {

std::shared_ptr<GceTokenSource> GceTokenSources::of(const GceCredentials& credentials) {
  const std::lock_guard lock(mutex_);
  std::erase_if(sources_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<GceTokenSource>& kept = sources_[credentials];
  std::shared_ptr<GceTokenSource> source = kept.lock();
  if (!source) {
    source = std::make_shared<GceTokenSource>(credentials, Random(random_.next()));
    kept = source;
  }
  return source;
}

}  // namespace flaskscale::scaler
