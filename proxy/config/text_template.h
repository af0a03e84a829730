// A text with places for parts of the request: "https://{host}{path}{query}".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace flaskscale::config {

// What stands for the places; each view needs to stand during the call only.
struct TemplateValues {
  std::string_view host;    // without a port
  std::string_view path;    // without the query
  std::string_view query;   // with its "?"; empty if there is none
  std::string_view scheme;  // "http" or "https"
};

// Immutable: any thread.
class TextTemplate {
 public:
  // The error names the place that is unknown, with those that there are.
  static Result<TextTemplate> parse(std::string_view text);

  void append_to(std::string& out, const TemplateValues& values) const;

  // What stands before the first place.
  std::string_view lead() const {
    return parts_.empty() ? std::string_view() : parts_.front().text;
  }
  bool uses_host() const;

 private:
  enum class Place : uint8_t { none, host, path, query, scheme };
  struct Part {
    std::string text;           // as it is …
    Place place = Place::none;  // … followed by this
  };

  std::vector<Part> parts_;
};

}  // namespace flaskscale::config
