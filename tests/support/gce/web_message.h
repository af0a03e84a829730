// An HTTP request and its response, as the emulator's servers see them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/gce/json.h"

namespace flaskscale::emulator {

using WebHeaders = std::vector<std::pair<std::string, std::string>>;

struct WebRequest {
  std::string verb = "GET";
  std::string target = "/";
  WebHeaders headers;  // names in lower case
  std::string body;
  std::string peer;  // the caller's address, without port

  std::string_view header(std::string_view lower_case_name) const {
    for (const auto& [name, value] : headers) {
      if (name == lower_case_name) return value;
    }
    return {};
  }
};

struct WebReply {
  int status = 200;
  WebHeaders headers;
  std::string body;

  static WebReply json(int status, const Json& value) {
    return {status,
            {{"Content-Type", "application/json; charset=UTF-8"}, {"Server", "ESF"}},
            value.dump(-1, ' ', false, Json::error_handler_t::replace)};
  }
  static WebReply text(int status, std::string body) {
    return {status, {{"Content-Type", "application/text"}}, std::move(body)};
  }
};

}  // namespace flaskscale::emulator
