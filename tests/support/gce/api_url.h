// The path and query of a request, decoded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flaskscale::emulator {

struct ApiUrl {
  std::string host;                   // empty in a bare target; without the port
  std::vector<std::string> segments;  // of the path, decoded
  std::vector<std::pair<std::string, std::string>> query;

  std::string path() const;  // "/a/b"
  // The first value of that name, or an empty view.
  std::string_view parameter(std::string_view name) const;
  bool has_parameter(std::string_view name) const;
};

// A target ("/a/b?c=d") or an absolute URL. What is not right percent encoding stays as it is.
ApiUrl parse_api_url(std::string_view text);

// "a=b&c=d", also the body of a form.
std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text);

}  // namespace flaskscale::emulator
