// The JSON type of the emulator, and lenient reading of members.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace flaskscale::emulator {

using Json = nlohmann::json;

// The member's value, or the fallback when it is absent or of another type.
inline std::string text_of(const Json& object, std::string_view member, std::string fallback = {}) {
  if (!object.is_object()) return fallback;
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : fallback;
}
inline double number_of(const Json& object, std::string_view member, double fallback = 0) {
  if (!object.is_object()) return fallback;
  const auto found = object.find(member);
  return found != object.end() && found->is_number() ? found->get<double>() : fallback;
}
inline bool flag_of(const Json& object, std::string_view member, bool fallback = false) {
  if (!object.is_object()) return fallback;
  const auto found = object.find(member);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

}  // namespace flaskscale::emulator
