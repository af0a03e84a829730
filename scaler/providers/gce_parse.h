// Reads the API's JSON, believing nothing: what has the wrong type is as if it were not there.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "scaler/providers/gce_model.h"

namespace flaskscale::scaler {

// A resource's URL from "projects/" on; what is no such URL stays as it is.
std::string resource_path(std::string_view url);
// The part after the last "/".
std::string last_segment(std::string_view url);
// Whether two resource URLs mean the same, be the project named by id or number.
bool same_resource(std::string_view a, std::string_view b);

// Whether it can be put into a request's path as it is.
bool is_plain_path(std::string_view path);

GceGroupInfo parse_group(const nlohmann::json& json);
// Nothing: the row names no instance.
std::optional<GceRow> parse_row(const nlohmann::json& json);
std::optional<GceMachine> parse_machine(const nlohmann::json& json);
// Nothing: this is no operation.
std::optional<GceOperation> parse_operation(const nlohmann::json& json);

}  // namespace flaskscale::scaler
