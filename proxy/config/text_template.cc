#include "proxy/config/text_template.h"

#include <algorithm>

namespace flaskscale::config {

Result<TextTemplate> TextTemplate::parse(std::string_view text) {
  TextTemplate result;
  while (!text.empty()) {
    const size_t open = text.find('{');
    Part part{std::string(text.substr(0, open)), Place::none};
    text.remove_prefix(open == std::string_view::npos ? text.size() : open);
    if (!text.empty()) {
      const size_t close = text.find('}');
      const std::string_view name =
          close == std::string_view::npos ? text : text.substr(0, close + 1);
      if (name == "{host}") {
        part.place = Place::host;
      } else if (name == "{path}") {
        part.place = Place::path;
      } else if (name == "{query}") {
        part.place = Place::query;
      } else if (name == "{scheme}") {
        part.place = Place::scheme;
      } else {
        return make_error(
            ErrorCode::invalid_argument,
            "\"" + std::string(name) + "\" is none of {scheme}, {host}, {path} and {query}");
      }
      text.remove_prefix(name.size());
    }
    result.parts_.push_back(std::move(part));
  }
  return result;
}

void TextTemplate::append_to(std::string& out, const TemplateValues& values) const {
  for (const Part& part : parts_) {
    out.append(part.text);
    switch (part.place) {
      case Place::none:
        break;
      case Place::host:
        out.append(values.host);
        break;
      case Place::path:
        out.append(values.path);
        break;
      case Place::query:
        out.append(values.query);
        break;
      case Place::scheme:
        out.append(values.scheme);
        break;
    }
  }
}

bool TextTemplate::uses_host() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.place == Place::host; });
}

}  // namespace flaskscale::config
