#include "scaler/providers/placeholders.h"

namespace flaskscale::scaler {

std::string fill_in(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string filled;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find('{', at);
    const size_t close = open == text.npos ? open : text.find('}', open);
    if (close == text.npos) {
      filled += text.substr(at);
      break;
    }
    filled += text.substr(at, open - at);
    const auto value = values.find(std::string(text.substr(open + 1, close - open - 1)));
    if (value == values.end()) {
      filled += '{';
      at = open + 1;
    } else {
      filled += value->second;
      at = close + 1;
    }
  }
  return filled;
}

}  // namespace flaskscale::scaler
