// A value of the configuration file as it was written, with its place: what the section readers
// read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/model.h"

namespace flaskscale::config {

enum class NodeKind : uint8_t { text, integer, decimal, boolean, date_time, array, table };

struct Entry;

struct Node {
  NodeKind kind = NodeKind::table;
  Source source;
  // The member of its kind is set; a date has none.
  std::string text;
  int64_t integer = 0;
  double decimal = 0;
  bool boolean = false;
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the file

  // A variable of the environment is part of the text: a number may be written like this.
  bool from_environment = false;

  // Null if there is none.
  const Entry* find(std::string_view key) const;
};

struct Entry {
  std::string key;
  Source source;  // of the key
  Node value;
};

// "a text", "a whole number" …
std::string_view describe(NodeKind kind);

}  // namespace flaskscale::config
