#include "proxy/server/online_check.h"

#include <string>

#include "base/random.h"
#include "proxy/server/provider_factory.h"

namespace flaskscale::server {
namespace {

bool print(const std::string& pool, const scaler::CheckFinding& finding, std::ostream& out) {
  out << "pool " << pool << ": " << finding.what << ": " << (finding.fine ? "ok" : "FAILED");
  if (!finding.detail.empty()) out << (finding.fine ? " (" : ": ") << finding.detail;
  if (!finding.detail.empty() && finding.fine) out << ")";
  if (!finding.fine && !finding.hint.empty()) out << " (" << finding.hint << ")";
  out << std::endl;  // seen at once: the next may take a while
  return finding.fine;
}

}  // namespace

bool check_online(const config::Model& model, std::ostream& out) {
  ProviderFactory factory("");
  bool fine = true;
  for (const auto& [name, pool] : model.pools) {
    if (!pool.scaling || pool.scaling->mode == config::ScalingMode::off) continue;
    const PoolProvider provider = factory.make(pool, Random(random_seed()));
    for (const scaler::CheckFinding& finding : provider.check_online()) {
      fine = print(name, finding, out) && fine;
    }
  }
  return fine;
}

}  // namespace flaskscale::server
