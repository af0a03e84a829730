#include "tests/support/gce/schema_check.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <regex>

namespace flaskscale::emulator {
namespace {

constexpr size_t kKnownTexts = 20'000;

template <typename Number>
bool is_number(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return !text.empty() && error == std::errc{} && stop == end;
}

bool is_base64(const std::string& text) {
  if (text.size() % 4 != 0) return false;
  const size_t letters = std::min(text.find('='), text.size());
  if (text.size() - letters > 2) return false;
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(letters),
                     [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '-' || c == '_';
                     });
}

// A format that the text does not have, or none.
std::optional<std::string> missed_format(const std::string& text, const std::string& format) {
  if (format == "uint64" && !is_number<uint64_t>(text)) return "an unsigned 64-bit number";
  if (format == "int64" && !is_number<int64_t>(text)) return "a 64-bit number";
  if (format == "int32" && !is_number<int32_t>(text)) return "a 32-bit number";
  if (format == "uint32" && !is_number<uint32_t>(text)) return "an unsigned 32-bit number";
  if (format == "byte" && !is_base64(text)) return "base64";
  return std::nullopt;
}

bool in_range(const Json& value, const std::string& format) {
  if (!value.is_number_integer()) return false;
  const double number = value.get<double>();
  if (format == "int32") {
    return number >= std::numeric_limits<int32_t>::min() &&
           number <= std::numeric_limits<int32_t>::max();
  }
  if (format == "uint32") return number >= 0 && number <= std::numeric_limits<uint32_t>::max();
  return true;
}

bool has_element(const Json& array, const std::string& text) {
  return std::any_of(array.begin(), array.end(), [&](const Json& each) {
    return each.is_string() && each.get_ref<const std::string&>() == text;
  });
}

bool is_true(const Json& description, const char* member) {
  return flag_of(description, member, false);
}

}  // namespace

SchemaCheck::SchemaCheck(std::shared_ptr<const Discovery> discovery)
    : discovery_(std::move(discovery)) {}

bool SchemaCheck::fits_pattern(const std::string& pattern, const std::string& text) {
  std::string key = pattern + '\n' + text;
  if (fitting_.contains(key)) return true;
  if (!std::regex_match(text, std::regex(pattern))) return false;
  if (fitting_.size() >= kKnownTexts) fitting_.clear();
  fitting_.insert(std::move(key));
  return true;
}

Problems SchemaCheck::request(const ApiMethod& method,
                              const std::map<std::string, std::string>& variables,
                              const ApiUrl& url, const std::string& body) {
  Problems problems;
  check_parameters(method, variables, url, problems);
  if (method.request.empty()) {
    const bool empty = body.empty() || Json::parse(body, nullptr, false) == Json::object();
    if (!empty) problems.push_back("a body where " + method.id + " takes none");
    return problems;
  }
  const Json value = Json::parse(body, nullptr, false);
  if (value.is_discarded()) {
    problems.emplace_back("the body is not JSON");
    return problems;
  }
  method_ = method.id;
  check(value, discovery_->schema(method.request), "body", problems);
  method_.clear();
  return problems;
}

Problems SchemaCheck::response(const ApiMethod& method, const Json& body) {
  return method.response.empty() ? Problems{} : value(body, method.response);
}

Problems SchemaCheck::value(const Json& value, const std::string& schema) {
  Problems problems;
  check(value, discovery_->schema(schema), schema, problems);
  return problems;
}

void SchemaCheck::check_parameters(const ApiMethod& method,
                                   const std::map<std::string, std::string>& variables,
                                   const ApiUrl& url, Problems& problems) {
  for (const auto& [name, text] : variables) {
    const auto found = method.parameters->find(name);
    if (found != method.parameters->end()) check_parameter(name, text, *found, problems);
  }
  std::map<std::string, int> seen;
  for (const auto& [name, text] : url.query) {
    const auto own = method.parameters->find(name);
    const bool is_own = own != method.parameters->end() && text_of(*own, "location") == "query";
    const auto common = discovery_->common_parameters().find(name);
    if (!is_own && common == discovery_->common_parameters().end()) {
      problems.push_back("unknown query parameter " + name);
      continue;
    }
    const Json& description = is_own ? *own : *common;
    if (++seen[name] > 1 && !is_true(description, "repeated")) {
      problems.push_back("query parameter " + name + " is given twice");
    }
    check_parameter(name, text, description, problems);
  }
  for (const auto& [name, description] : method.parameters->items()) {
    if (text_of(description, "location") == "query" && is_true(description, "required") &&
        !seen.contains(name)) {
      problems.push_back("query parameter " + name + " is required");
    }
  }
}

void SchemaCheck::check_parameter(const std::string& name, const std::string& text,
                                  const Json& description, Problems& problems) {
  const std::string type = text_of(description, "type", "string");
  const std::string where = "parameter " + name + " '" + text + "'";
  // Google's own Python clients write them with a capital letter.
  const bool is_boolean = text == "true" || text == "false" || text == "True" || text == "False";
  if (type == "boolean" && !is_boolean) {
    problems.push_back(where + " is not true or false");
  }
  const std::string format = text_of(description, "format", type == "integer" ? "int32" : "");
  if (const auto missed = missed_format(text, format)) {
    problems.push_back(where + " is not " + *missed);
  }
  if (description.contains("pattern") && !fits_pattern(text_of(description, "pattern"), text)) {
    problems.push_back(where + " does not match its pattern");
  }
  if (description.contains("enum") && !has_element(description["enum"], text)) {
    problems.push_back(where + " is none of its values");
  }
}

void SchemaCheck::check(const Json& value, const Json& schema, const std::string& where,
                        Problems& problems) {
  if (const auto reference = schema.find("$ref"); reference != schema.end()) {
    check(value, discovery_->schema(reference->get<std::string>()), where, problems);
    return;
  }
  const std::string type = text_of(schema, "type", "object");
  if (type == "any") return;
  bool right = true;
  if (type == "object") {
    right = value.is_object();
    if (right) check_object(value, schema, where, problems);
  } else if (type == "array") {
    right = value.is_array();
    size_t index = 0;
    for (const Json& element : right ? value : Json::array()) {
      check(element, schema["items"], where + "[" + std::to_string(index++) + "]", problems);
    }
  } else if (type == "string") {
    right = value.is_string();
    if (right) check_string(value.get_ref<const std::string&>(), schema, where, problems);
  } else if (type == "boolean") {
    right = value.is_boolean();
  } else if (type == "integer") {
    right = in_range(value, text_of(schema, "format", "int32"));
  } else if (type == "number") {
    right = value.is_number();
  }
  if (!right) problems.push_back(where + " is not of type " + type);
}

void SchemaCheck::check_object(const Json& value, const Json& schema, const std::string& where,
                               Problems& problems) {
  static const Json none = Json::object();
  const auto found = schema.find("properties");
  const Json& properties = found != schema.end() ? *found : none;
  const auto others = schema.find("additionalProperties");
  for (const auto& [name, member] : value.items()) {
    const auto property = properties.find(name);
    if (property != properties.end()) {
      check(member, *property, where + "." + name, problems);
    } else if (others != schema.end()) {
      check(member, *others, where + "." + name, problems);
    } else {
      problems.push_back(where + " has an unknown field " + name);
    }
  }
  if (method_.empty()) return;
  for (const auto& [name, property] : properties.items()) {
    const auto annotations = property.find("annotations");
    if (annotations == property.end() || !annotations->contains("required")) continue;
    if (has_element((*annotations)["required"], method_) && !value.contains(name)) {
      problems.push_back(where + " lacks the field " + name);
    }
  }
}

void SchemaCheck::check_string(const std::string& text, const Json& schema,
                               const std::string& where, Problems& problems) {
  if (const auto missed = missed_format(text, text_of(schema, "format"))) {
    problems.push_back(where + " '" + text + "' is not " + *missed);
  }
  if (schema.contains("pattern") && !fits_pattern(text_of(schema, "pattern"), text)) {
    problems.push_back(where + " '" + text + "' does not match its pattern");
  }
  if (schema.contains("enum") && !has_element(schema["enum"], text)) {
    problems.push_back(where + " '" + text + "' is none of its values");
  }
}

}  // namespace flaskscale::emulator
