#include "scaler/providers/json_reading.h"

#include <nlohmann/json.hpp>

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;

}  // namespace

const Json& member(const Json& json, const std::string& key) {
  static const Json kNothing;
  if (!json.is_object()) return kNothing;
  const auto found = json.find(key);
  return found == json.end() ? kNothing : *found;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string text_of(const Json& json, const std::string& key) { return text_of(member(json, key)); }

}  // namespace flaskscale::scaler
