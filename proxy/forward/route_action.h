// What a route does with a request beside naming a pool: compiled from its configuration.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/config/model.h"
#include "proxy/config/text_template.h"
#include "proxy/http/field_edits.h"
#include "proxy/http/head.h"

namespace flaskscale::forward {

// Immutable: any thread.
class RouteAction {
 public:
  // The model has been validated.
  explicit RouteAction(const config::RouteModel& model);

  // The requests of this route are answered here; no backend sees them.
  bool answers() const { return redirect_.has_value() || respond_.has_value(); }
  // The reason word of log and metrics.
  std::string_view reason() const;

  // An answer without its Date; its views are into the request, this object and `location`, which
  // is overwritten. Returns the body, which may have to be left out (HEAD).
  std::string_view write_answer(const http::RequestHead& request, std::string_view scheme,
                                http::ResponseHead& head, std::string& location) const;

  // The path and query for the backend: a part of `path`, or `space`, which is overwritten.
  std::string_view rewrite_path(std::string_view path, std::string& space) const;
  std::string_view strip_prefix() const { return strip_prefix_; }

  const http::FieldEdits& request_edits() const { return request_edits_; }
  const http::FieldEdits& response_edits() const { return response_edits_; }

 private:
  struct Redirect {
    uint16_t status;
    config::TextTemplate target;
  };

  std::string_view path_within(std::string_view path) const;

  std::string strip_prefix_;
  std::optional<Redirect> redirect_;
  std::optional<config::RespondModel> respond_;
  std::string retry_after_;  // of respond_; empty: none
  http::FieldEdits request_edits_;
  http::FieldEdits response_edits_;
};

}  // namespace flaskscale::forward
