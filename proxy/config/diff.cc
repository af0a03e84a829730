#include "proxy/config/diff.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "proxy/config/flat_model.h"

namespace flaskscale::config {
namespace {

constexpr std::string_view kPresent = "present";

bool needs_restart(std::string_view key) {
  return key == "server.workers" || key == "server.state_dir";
}

// The keys of `flat` that are not below one that only this side has.
FlatModel without_children_of_new(const FlatModel& flat, const FlatModel& other) {
  FlatModel kept;
  std::set<std::string> hidden;
  for (const auto& [key, value] : flat) {
    if (value.value == kPresent && !other.contains(key)) hidden.insert(key);
  }
  for (const auto& [key, value] : flat) {
    bool is_hidden = false;
    for (size_t dot = key.find('.'); dot != std::string::npos && !is_hidden;
         dot = key.find('.', dot + 1)) {
      is_hidden = hidden.contains(key.substr(0, dot));
    }
    if (!is_hidden) kept.emplace(key, value);
  }
  return kept;
}

void compare_values(const FlatModel& before, const FlatModel& after, Diff& diff) {
  std::set<std::string> keys;
  for (const auto& [key, value] : before) keys.insert(key);
  for (const auto& [key, value] : after) keys.insert(key);
  for (const std::string& key : keys) {
    const auto old_value = before.find(key);
    const auto new_value = after.find(key);
    const bool was = old_value != before.end();
    const bool is = new_value != after.end();
    if (was && is && old_value->second.value == new_value->second.value) continue;
    (needs_restart(key) ? diff.need_restart : diff.changes)
        .push_back({key, was ? old_value->second.shown : "", is ? new_value->second.shown : ""});
  }
}

// Those of `some` that are not in `others`, counting repeated ones.
std::vector<std::string> missing_in(const std::vector<std::string>& some,
                                    const std::vector<std::string>& others) {
  std::multiset<std::string> left(others.begin(), others.end());
  std::vector<std::string> missing;
  for (const std::string& text : some) {
    const auto found = left.find(text);
    if (found == left.end()) {
      missing.push_back(text);
    } else {
      left.erase(found);
    }
  }
  return missing;
}

void compare_routes(const Model& before, const Model& after, Diff& diff) {
  const std::vector<std::string> old_routes = describe_routes(before);
  const std::vector<std::string> new_routes = describe_routes(after);
  const auto removed = missing_in(old_routes, new_routes);
  const auto added = missing_in(new_routes, old_routes);
  for (const std::string& text : removed) diff.changes.push_back({"routes", text, ""});
  for (const std::string& text : added) diff.changes.push_back({"routes", "", text});
  // What stayed, in the order of each side.
  const auto stayed_before = missing_in(old_routes, removed);
  const auto stayed_after = missing_in(new_routes, added);
  const auto [moved, moved_to] = std::mismatch(stayed_before.begin(), stayed_before.end(),
                                               stayed_after.begin(), stayed_after.end());
  if (moved != stayed_before.end() && moved_to != stayed_after.end()) {
    diff.changes.push_back({"routes.order", *moved, *moved_to});
  }
}

}  // namespace

Diff compare(const Model& before, const Model& after) {
  Diff diff;
  const FlatModel old_values = flatten(before);
  const FlatModel new_values = flatten(after);
  compare_values(without_children_of_new(old_values, new_values),
                 without_children_of_new(new_values, old_values), diff);
  compare_routes(before, after, diff);
  return diff;
}

}  // namespace flaskscale::config
