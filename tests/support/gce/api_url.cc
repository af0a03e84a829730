#include "tests/support/gce/api_url.h"

#include <optional>

namespace flaskscale::emulator {
namespace {

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

enum class Plus { kept, space };

std::string decode(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::space) {
      decoded.push_back(' ');
      continue;
    }
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        decoded.push_back(static_cast<char>(*high * 16 + *low));
        i += 2;
        continue;
      }
    }
    decoded.push_back(text[i]);
  }
  return decoded;
}

}  // namespace

std::string ApiUrl::path() const {
  std::string joined;
  for (const std::string& segment : segments) joined += "/" + segment;
  return joined.empty() ? "/" : joined;
}

std::string_view ApiUrl::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

bool ApiUrl::has_parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return true;
  }
  return false;
}

std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const size_t end = text.find('&');
    const std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1);
    pairs.emplace_back(decode(part.substr(0, equals), Plus::space), decode(value, Plus::space));
  }
  return pairs;
}

ApiUrl parse_api_url(std::string_view text) {
  ApiUrl url;
  const size_t scheme = text.find("://");
  if (scheme != std::string_view::npos && scheme < text.find_first_of("/?")) {
    text.remove_prefix(scheme + 3);
    const size_t end = text.find_first_of("/?");
    url.host = std::string(text.substr(0, end));
    url.host.resize(std::min(url.host.size(), url.host.find(':')));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end);
  }
  text = text.substr(0, text.find('#'));
  const size_t question = text.find('?');
  if (question != std::string_view::npos) url.query = parse_form(text.substr(question + 1));
  std::string_view path = text.substr(0, question);
  while (!path.empty()) {
    if (path.front() == '/') path.remove_prefix(1);
    const size_t end = path.find('/');
    url.segments.push_back(decode(path.substr(0, end), Plus::kept));
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
  }
  return url;
}

}  // namespace flaskscale::emulator
