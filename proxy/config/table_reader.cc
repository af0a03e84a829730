#include "proxy/config/table_reader.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/text.h"

namespace flaskscale::config {
namespace {

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string format_ratio(double value) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof text, value);
  return std::string(text, result.ptr);
}

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Numbers are written without quotes, except those that come from the environment.
std::optional<int64_t> as_integer(const Node& node) {
  if (node.kind == NodeKind::integer) return node.integer;
  if (node.kind == NodeKind::text && node.from_environment) return parse_whole<int64_t>(node.text);
  return std::nullopt;
}

std::optional<double> as_decimal(const Node& node) {
  if (node.kind == NodeKind::integer) return static_cast<double>(node.integer);
  if (node.kind == NodeKind::decimal) return node.decimal;
  if (node.kind == NodeKind::text && node.from_environment) return parse_whole<double>(node.text);
  return std::nullopt;
}

bool says_nothing(const Node& value) {
  switch (value.kind) {
    case NodeKind::boolean:
      return !value.boolean;
    case NodeKind::text:
      return value.text.empty();
    case NodeKind::array:
      return value.items.empty();
    case NodeKind::integer:
    case NodeKind::decimal:
    case NodeKind::date_time:
    case NodeKind::table:
      return false;
  }
  return false;
}

}  // namespace

TableReader::TableReader(const Node& table, std::string path, ProblemList& problems)
    : table_(table), path_(std::move(path)), problems_(&problems) {}

std::string TableReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

const Node* TableReader::value(std::string_view key) {
  known_.push_back(key);
  const Entry* entry = table_.find(key);
  return entry == nullptr ? nullptr : &entry->value;
}

const Node* TableReader::of_kind(std::string_view key, NodeKind kind, std::string_view hint) {
  const Node* found = value(key);
  if (found == nullptr || found->kind == kind) return found;
  problems_->add(found->source,
                 path_of(key) + " must be " + std::string(describe(kind)) + ", not " +
                     std::string(describe(found->kind)),
                 std::string(hint));
  return nullptr;
}

const Node* TableReader::text(std::string_view key) { return of_kind(key, NodeKind::text, ""); }

const Node* TableReader::array(std::string_view key) {
  return of_kind(key, NodeKind::array, "write it in brackets: " + std::string(key) + " = [ … ]");
}

const Node* TableReader::table(std::string_view key) {
  return of_kind(key, NodeKind::table, "write [" + path_of(key) + "] and its keys below");
}

std::optional<TableReader> TableReader::reader(std::string_view key) {
  const Node* found = table(key);
  if (found == nullptr) return std::nullopt;
  return TableReader(*found, path_of(key), *problems_);
}

std::vector<const Node*> TableReader::texts(std::string_view key) {
  std::vector<const Node*> found;
  const Node* list = array(key);
  if (list == nullptr) return found;
  for (const Node& item : list->items) {
    if (item.kind == NodeKind::text) {
      found.push_back(&item);
    } else {
      problems_->add(item.source,
                     path_of(key) + " must hold texts, not " + std::string(describe(item.kind)));
    }
  }
  return found;
}

std::vector<const Node*> TableReader::required_texts(std::string_view key, std::string_view hint) {
  const Entry* entry = table_.find(key);
  if (entry == nullptr) {
    problems_->add(table_.source, path_of(key) + " is missing", std::string(hint));
  } else if (entry->value.kind == NodeKind::array && entry->value.items.empty()) {
    problems_->add(entry->value.source, path_of(key) + " must not be empty", std::string(hint));
  }
  return texts(key);
}

void TableReader::reject_range(const Node& value, std::string_view key, const std::string& min,
                               const std::string& max, const std::string& actual) {
  problems_->add(value.source,
                 path_of(key) + " must be from " + min + " to " + max + ", not " + actual);
}

void TableReader::read_boolean(std::string_view key, bool& target) {
  if (const Node* found = of_kind(key, NodeKind::boolean, "")) target = found->boolean;
}

void TableReader::read_text(std::string_view key, std::string& target) {
  if (const Node* found = text(key)) target = found->text;
}

void TableReader::read_duration(std::string_view key, Duration& target, Range<Duration> range) {
  const Node* found = of_kind(key, NodeKind::text,
                              "write it with its unit, such as " + std::string(key) + " = \"30s\"");
  if (found == nullptr) return;
  const Result<Duration> duration = parse_duration(found->text);
  if (!duration) {
    problems_->add(found->source, path_of(key) + ": " + duration.error().detail);
  } else if (*duration < range.min || *duration > range.max) {
    reject_range(*found, key, format_duration(range.min), format_duration(range.max), found->text);
  } else {
    target = *duration;
  }
}

void TableReader::read_size(std::string_view key, uint64_t& target, Range<uint64_t> range) {
  const Node* found = of_kind(
      key, NodeKind::text, "write it with its unit, such as " + std::string(key) + " = \"64KiB\"");
  if (found == nullptr) return;
  const Result<uint64_t> size = parse_size(found->text);
  if (!size) {
    problems_->add(found->source, path_of(key) + ": " + size.error().detail);
  } else if (*size < range.min || *size > range.max) {
    reject_range(*found, key, format_size(range.min), format_size(range.max), found->text);
  } else {
    target = *size;
  }
}

void TableReader::read_size(std::string_view key, uint32_t& target, Range<uint32_t> range) {
  uint64_t size = target;
  read_size(key, size, Range<uint64_t>{range.min, range.max});
  target = static_cast<uint32_t>(size);
}

void TableReader::read_count(std::string_view key, uint32_t& target, Range<uint32_t> range) {
  const Node* found = value(key);
  if (found == nullptr) return;
  const std::optional<int64_t> number = as_integer(*found);
  if (!number) {
    problems_->add(
        found->source,
        path_of(key) + " must be a whole number, not " + std::string(describe(found->kind)),
        found->kind == NodeKind::text ? "write it without quotes" : "");
  } else if (*number < range.min || *number > range.max) {
    reject_range(*found, key, std::to_string(range.min), std::to_string(range.max),
                 std::to_string(*number));
  } else {
    target = static_cast<uint32_t>(*number);
  }
}

void TableReader::read_ratio(std::string_view key, double& target, Range<double> range) {
  const Node* found = value(key);
  if (found == nullptr) return;
  const std::optional<double> number = as_decimal(*found);
  if (!number) {
    problems_->add(found->source,
                   path_of(key) + " must be a number, not " + std::string(describe(found->kind)),
                   found->kind == NodeKind::text ? "write it without quotes" : "");
  } else if (!(*number >= range.min && *number <= range.max)) {  // so that NaN is out of range
    reject_range(*found, key, format_ratio(range.min), format_ratio(range.max),
                 format_ratio(*number));
  } else {
    target = *number;
  }
}

std::optional<size_t> TableReader::choose(std::string_view key,
                                          std::span<const std::string_view> words) {
  const Node* found = text(key);
  if (found == nullptr) return std::nullopt;
  const auto word = std::find(words.begin(), words.end(), found->text);
  if (word != words.end()) return static_cast<size_t>(word - words.begin());

  std::string all;
  for (const std::string_view candidate : words) {
    all += (all.empty() ? "" : ", ") + in_quotes(candidate);
  }
  const std::string_view meant = nearest(found->text, words);
  problems_->add(found->source,
                 path_of(key) + " must be one of " + all + ", not " + in_quotes(found->text),
                 meant.empty() ? "" : "did you mean " + in_quotes(meant) + "?");
  return std::nullopt;
}

void TableReader::reject_unbuilt(Source where, const std::string& what) {
  problems_->add(where, "not built yet: " + what);
}

void TableReader::not_built_yet(std::string_view key) {
  const Node* found = value(key);
  if (found == nullptr || says_nothing(*found)) return;
  reject_unbuilt(table_.find(key)->source, path_of(key));
}

void TableReader::reject_unknown_keys() {
  for (const Entry& entry : table_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    const std::string where = path_.empty() ? "" : " in [" + path_ + "]";
    const std::string_view meant = nearest(entry.key, known_);
    problems_->add(entry.source, "unknown key " + in_quotes(entry.key) + where,
                   meant.empty() ? "" : "did you mean " + in_quotes(meant) + "?");
  }
}

}  // namespace flaskscale::config
