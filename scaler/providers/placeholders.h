// What stands for values in the commands and environments that users write.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace flaskscale::scaler {

// `text` with each "{key}" replaced by the key's value, once: what a value brings is not looked at.
// Braces around anything else stay.
std::string fill_in(std::string_view text, const std::map<std::string, std::string>& values);

}  // namespace flaskscale::scaler
