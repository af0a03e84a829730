// Reads JSON that another party sent: what is absent or of another kind is empty, never an error.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace flaskscale::scaler {

// The member of an object; null when there is none or `json` is no object. Stands as long as
// `json`.
const nlohmann::json& member(const nlohmann::json& json, const std::string& key);

std::string text_of(const nlohmann::json& value);
std::string text_of(const nlohmann::json& json, const std::string& key);

}  // namespace flaskscale::scaler
