#include "proxy/server/event_json.h"

#include <nlohmann/json.hpp>

#include "proxy/admin/status_json.h"

namespace flaskscale::server {

std::string render_event(const scaler::Event& event, const std::string& id,
                         const std::string& source) {
  using Json = nlohmann::ordered_json;
  Json numbers = Json::object();
  for (const auto& [name, value] : event.numbers) numbers[name] = value;
  const Json json = {{"version", 1},
                     {"id", id},
                     {"time", admin::format_wall_time(event.at.time_since_epoch().count())},
                     {"source", source},
                     {"pool", event.pool},
                     {"kind", scaler::to_string(event.kind)},
                     {"what", event.what},
                     {"reason", event.reason},
                     {"instance", event.instance},
                     {"text", event.text},
                     {"numbers", std::move(numbers)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace flaskscale::server
