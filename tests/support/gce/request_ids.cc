#include "tests/support/gce/request_ids.h"

#include <cctype>
#include <utility>

namespace flaskscale::emulator {

bool RequestIds::is_valid(std::string_view id) {
  if (id.size() != 36) return false;
  bool zero = true;
  for (size_t i = 0; i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (id[i] == '-')) return false;
    if (!dash && std::isxdigit(static_cast<unsigned char>(id[i])) == 0) return false;
    if (!dash && id[i] != '0') zero = false;
  }
  return !zero;
}

std::optional<RequestIds::Known> RequestIds::find(const std::string& id) {
  const double oldest = timeline_.now() - settings_.timings.request_id_kept;
  std::erase_if(known_, [&](const auto& each) { return each.second.at < oldest; });
  const auto found = known_.find(id);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

void RequestIds::remember(const std::string& id, Known known) {
  known.at = timeline_.now();
  known_.insert_or_assign(id, std::move(known));
}

}  // namespace flaskscale::emulator
