#include "proxy/forward/route_action.h"

#include <utility>

#include "base/check.h"
#include "base/endpoint.h"
#include "base/text.h"
#include "proxy/config/host_pattern.h"
#include "proxy/http/head_writer.h"

namespace flaskscale::forward {
namespace {

http::FieldEdits compile(const config::HeaderEditsModel& model) {
  http::FieldEdits edits;
  for (const auto& name : model.remove) edits.removed.push_back(lower_case(name));
  for (const auto& header : model.set) {
    edits.removed.push_back(lower_case(header.name));
    edits.added.push_back({header.name, header.value});
  }
  for (const auto& header : model.add) edits.added.push_back({header.name, header.value});
  return edits;
}

}  // namespace

RouteAction::RouteAction(const config::RouteModel& model)
    : strip_prefix_(model.strip_prefix),
      respond_(model.respond),
      request_edits_(compile(model.request_headers)),
      response_edits_(compile(model.response_headers)) {
  if (model.redirect) {
    auto target = config::TextTemplate::parse(model.redirect->target);
    FS_CHECK(target.has_value());
    redirect_ = Redirect{model.redirect->status, *std::move(target)};
  }
  if (respond_ && respond_->retry_after_s != 0) {
    retry_after_ = std::to_string(respond_->retry_after_s);
  }
}

std::string_view RouteAction::reason() const { return redirect_ ? "redirect" : "fixed_response"; }

std::string_view RouteAction::rewrite_path(std::string_view path, std::string& space) const {
  if (strip_prefix_.empty() || !config::covers_path(strip_prefix_, path)) return path;
  const std::string_view rest = path.substr(strip_prefix_.size());
  if (rest.starts_with('/')) return rest;
  space = "/";
  space += rest;
  return space;
}

// What a redirect names {path}: an asterisk ("OPTIONS *") is none.
std::string_view RouteAction::path_within(std::string_view path) const {
  if (!path.starts_with('/')) return "/";
  if (!strip_prefix_.empty() && config::covers_path(strip_prefix_, path)) {
    path.remove_prefix(strip_prefix_.size());
  }
  const std::string_view alone = path.substr(0, path.find('?'));
  return alone.empty() ? "/" : alone;
}

std::string_view RouteAction::write_answer(const http::RequestHead& request,
                                           std::string_view scheme, http::ResponseHead& head,
                                           std::string& location) const {
  head.clear();
  head.version = http::Version::http11;
  head.status = redirect_ ? redirect_->status : respond_->status;
  const std::string_view body = respond_ ? std::string_view(respond_->body) : std::string_view();
  if (redirect_) {
    const size_t question = request.path.find('?');
    const std::string_view query =
        question == std::string_view::npos ? std::string_view() : request.path.substr(question);
    location.clear();
    redirect_->target.append_to(
        location, {without_port(request.authority), path_within(request.path), query, scheme});
    head.fields.push_back({"Location", location});
  } else if (!body.empty()) {
    head.fields.push_back({"Content-Type", respond_->content_type});
  }
  if (!retry_after_.empty()) head.fields.push_back({"Retry-After", retry_after_});
  response_edits_.apply_to(head.fields);
  head.reason = http::status_phrase(head.status);
  if (head.status == 204 || head.status == 304) return {};
  head.framing = http::Framing::content_length;
  head.content_length = body.size();
  return body;
}

}  // namespace flaskscale::forward
