#include "proxy/config/flat_section.h"

#include <charconv>
#include <utility>

#include "base/text.h"

namespace flaskscale::config {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(text, out);
  return out + "\"";
}

std::string list_of(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ", " : "") + quoted(item);
  return out + "]";
}

void Section::present() { model_[path_] = {"present", "present"}; }

void Section::put(const std::string& key, std::string value) {
  std::string shown = value;
  model_[path_ + "." + key] = {std::move(value), std::move(shown)};
}

void Section::put_hidden(const std::string& key, const std::string& value) {
  model_[path_ + "." + key] = {value, "(hidden)"};
}

void Section::count(const std::string& key, uint64_t value) { put(key, std::to_string(value)); }

void Section::number(const std::string& key, double value) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value);
  put(key, std::string(text, result.ptr));
}

void Section::size(const std::string& key, uint64_t bytes) {
  // Exact, unlike what is written for people elsewhere.
  put(key, parse_size(format_size(bytes)).value_or(0) == bytes ? format_size(bytes)
                                                               : std::to_string(bytes) + "B");
}

void Section::duration(const std::string& key, Duration value) { put(key, format_duration(value)); }

void Section::text(const std::string& key, std::string_view value) { put(key, quoted(value)); }

}  // namespace flaskscale::config
