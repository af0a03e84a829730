#include "tests/support/gce/list_query.h"

#include <cctype>
#include <memory>
#include <regex>
#include <utility>
#include <vector>

namespace flaskscale::emulator {
namespace {

Error invalid(const std::string& what) {
  return make_error(ErrorCode::invalid_argument, "Invalid value for field: " + what);
}

// One comparison of a filter.
struct Term {
  std::string field;
  std::string relation;  // "=", "!=", ":", "eq", "ne"
  std::string value;
  std::regex pattern;  // eq, ne
};

std::string value_of(const Json& resource, const std::string& field) {
  constexpr std::string_view kLabels = "labels.";
  if (field.starts_with(kLabels)) {
    return resource.contains("labels")
               ? text_of(resource["labels"], std::string_view(field).substr(kLabels.size()))
               : std::string();
  }
  std::string value = text_of(resource, field);
  if (field == "zone") value = value.substr(value.rfind('/') + 1);
  return value;
}

bool holds(const Term& term, const Json& resource) {
  const std::string value = value_of(resource, term.field);
  if (term.relation == "=") return value == term.value;
  if (term.relation == "!=") return value != term.value;
  if (term.relation == "eq") return std::regex_match(value, term.pattern);
  if (term.relation == "ne") return !std::regex_match(value, term.pattern);
  if (term.value == "*") return !value.empty();
  const bool prefix = term.value.ends_with('*');
  return prefix ? value.starts_with(std::string_view(term.value).substr(0, term.value.size() - 1))
                : value.find(term.value) != std::string::npos;
}

class FilterReader {
 public:
  explicit FilterReader(std::string_view text) : text_(text) {}

  Result<std::vector<Term>> read() {
    std::vector<Term> terms;
    for (skip_blanks(); !text_.empty(); skip_blanks()) {
      if (take("AND ")) continue;
      if (text_.starts_with("OR ") || text_.starts_with("NOT ")) return invalid("'filter'");
      const bool grouped = take("(");
      auto term = read_term();
      if (!term) return term.error();
      skip_blanks();
      if (grouped && !take(")")) return invalid("'filter': a parenthesis is open");
      terms.push_back(std::move(*term));
    }
    return terms;
  }

 private:
  Result<Term> read_term() {
    Term term;
    skip_blanks();
    term.field = take_while([](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
    });
    const bool known = term.field == "name" || term.field == "id" || term.field == "status" ||
                       term.field == "zone" || term.field.starts_with("labels.");
    if (!known) return invalid("'filter': '" + term.field + "'");
    skip_blanks();
    for (const char* relation : {"!=", "=", ":", "eq ", "ne "}) {
      if (!take(relation)) continue;
      term.relation = relation;
      break;
    }
    if (term.relation.empty()) return invalid("'filter': no comparison");
    if (term.relation.back() == ' ') term.relation.pop_back();
    skip_blanks();
    term.value = read_value();
    if (term.value.empty()) return invalid("'filter': no value");
    if (term.relation == "eq" || term.relation == "ne") {
      try {
        term.pattern = std::regex(term.value);
      } catch (const std::regex_error&) {
        return invalid("'filter': '" + term.value + "'");
      }
    }
    return term;
  }

  std::string read_value() {
    for (const char quote : {'"', '\''}) {
      if (text_.empty() || text_.front() != quote) continue;
      text_.remove_prefix(1);
      std::string value = take_while([quote](char c) { return c != quote; });
      if (!text_.empty()) text_.remove_prefix(1);
      return value;
    }
    return take_while([](char c) { return c != ' ' && c != ')'; });
  }

  template <typename Wanted>
  std::string take_while(Wanted wanted) {
    size_t length = 0;
    while (length < text_.size() && wanted(text_[length])) ++length;
    std::string taken(text_.substr(0, length));
    text_.remove_prefix(length);
    return taken;
  }
  bool take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  void skip_blanks() {
    while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
  }

  std::string_view text_;
};

// A field mask as a tree: an empty object means everything below.
class MaskReader {
 public:
  explicit MaskReader(std::string_view text) : text_(text) {}

  Result<Json> read() {
    Json mask = Json::object();
    if (!read_list(mask) || !text_.empty()) return invalid("'fields'");
    return mask;
  }

 private:
  bool read_list(Json& mask) {
    do {
      if (!read_item(mask)) return false;
    } while (take(','));
    return true;
  }
  bool read_item(Json& mask) {
    size_t length = 0;
    while (length < text_.size() &&
           std::string_view(",/()").find(text_[length]) == std::string_view::npos)
      ++length;
    if (length == 0) return false;
    Json& below = mask[std::string(text_.substr(0, length))];
    if (below.is_null()) below = Json::object();
    text_.remove_prefix(length);
    if (take('/')) return read_item(below);
    if (take('(')) return read_list(below) && take(')');
    return true;
  }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view text_;
};

Json masked(const Json& value, const Json& mask) {
  if (mask.empty()) return value;
  if (value.is_array()) {
    Json list = Json::array();
    for (const Json& each : value) list.push_back(masked(each, mask));
    return list;
  }
  if (!value.is_object()) return value;
  Json kept = Json::object();
  for (const auto& [name, member] : value.items()) {
    const auto wanted = mask.contains(name) ? mask.find(name) : mask.find("*");
    if (wanted != mask.end()) kept[name] = masked(member, *wanted);
  }
  return kept;
}

}  // namespace

Result<ListFilter> parse_filter(std::string_view text) {
  auto terms = FilterReader(text).read();
  if (!terms) return terms.error();
  return ListFilter([terms = std::move(*terms)](const Json& resource) {
    for (const Term& term : terms) {
      if (!holds(term, resource)) return false;
    }
    return true;
  });
}

Result<Json> select_fields(const Json& value, std::string_view fields) {
  if (fields.empty()) return value;
  auto mask = MaskReader(fields).read();
  if (!mask) return mask.error();
  return masked(value, *mask);
}

}  // namespace flaskscale::emulator
