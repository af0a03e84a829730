#include "tests/support/gce/discovery.h"

#include <fstream>
#include <utility>

#include "base/check.h"

namespace flaskscale::emulator {
namespace {

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool is_variable(const std::string& segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool fits(const ApiMethod& method, const std::vector<std::string>& segments) {
  if (method.segments.size() != segments.size()) return false;
  for (size_t i = 0; i < segments.size(); ++i) {
    const std::string& wanted = method.segments[i];
    if (is_variable(wanted) ? segments[i].empty() : wanted != segments[i]) return false;
  }
  return true;
}

std::string reference(const Json& method, const char* member) {
  return method.contains(member) ? text_of(method[member], "$ref") : std::string();
}

}  // namespace

Result<std::shared_ptr<const Discovery>> Discovery::load(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return make_error(ErrorCode::not_found, "no discovery document at " + file);
  Json document = Json::parse(stream, nullptr, false);
  if (!document.is_object() || !document.contains("resources") || !document.contains("schemas")) {
    return make_error(ErrorCode::bad_message, file + " is no discovery document");
  }
  std::shared_ptr<Discovery> discovery(new Discovery);
  if (auto read = discovery->read(std::move(document)); !read) return read.error();
  return std::shared_ptr<const Discovery>(std::move(discovery));
}

Result<void> Discovery::read(Json document) {
  document_ = std::move(document);
  common_ = document_.value("parameters", Json::object());
  for (const auto& [name, resource] : document_["resources"].items()) {
    if (!resource.contains("methods")) continue;
    for (const auto& [short_name, description] : resource["methods"].items()) {
      ApiMethod method;
      method.id = text_of(description, "id");
      method.verb = text_of(description, "httpMethod");
      method.path = text_of(description, "path");
      method.segments = split(method.path);
      if (method.id.empty() || method.path.empty() || !description.contains("parameters")) {
        return make_error(ErrorCode::bad_message, "method " + short_name + " is incomplete");
      }
      method.parameters = &description["parameters"];
      method.request = reference(description, "request");
      method.response = reference(description, "response");
      methods_.push_back(std::move(method));
    }
  }
  return {};
}

const ApiMethod* Discovery::find(std::string_view verb, const std::vector<std::string>& segments,
                                 std::map<std::string, std::string>& variables) const {
  for (const ApiMethod& method : methods_) {
    if (method.verb != verb || !fits(method, segments)) continue;
    variables.clear();
    for (size_t i = 0; i < segments.size(); ++i) {
      const std::string& wanted = method.segments[i];
      if (is_variable(wanted)) variables[wanted.substr(1, wanted.size() - 2)] = segments[i];
    }
    return &method;
  }
  return nullptr;
}

const ApiMethod* Discovery::method(std::string_view id) const {
  for (const ApiMethod& method : methods_) {
    if (method.id == id) return &method;
  }
  return nullptr;
}

const Json& Discovery::schema(const std::string& name) const {
  const Json& schemas = document_["schemas"];
  const auto found = schemas.find(name);
  FS_CHECK(found != schemas.end());
  return *found;
}

}  // namespace flaskscale::emulator
