// Typed access to one table of the file: every key asked for becomes a known key, all others are
// problems.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "proxy/config/node.h"
#include "proxy/config/problem_list.h"

namespace flaskscale::config {

// Both ends are allowed.
template <typename T>
struct Range {
  T min;
  T max;
};

// A word that a key may have; without a value it is recognised, but its part is not built yet.
template <typename E>
struct Choice {
  std::string_view word;
  std::optional<E> value;
};

// The readers leave their target alone when the key is absent; when its value is wrong they add a
// problem at the value. The table and the list of problems must outlive the reader.
class TableReader {
 public:
  // `path`: the table's name in messages, "pools.shop"; empty for the file itself.
  TableReader(const Node& table, std::string path, ProblemList& problems);

  const Node& node() const { return table_; }
  ProblemList& problems() { return *problems_; }
  // "pools.shop.slots", for messages.
  std::string path_of(std::string_view key) const;

  void read_boolean(std::string_view key, bool& target);
  void read_text(std::string_view key, std::string& target);
  void read_duration(std::string_view key, Duration& target, Range<Duration> range);
  void read_size(std::string_view key, uint64_t& target, Range<uint64_t> range);
  void read_size(std::string_view key, uint32_t& target, Range<uint32_t> range);
  void read_count(std::string_view key, uint32_t& target, Range<uint32_t> range);
  void read_ratio(std::string_view key, double& target, Range<double> range);
  template <typename E, size_t N>
  void read_choice(std::string_view key, E& target, const std::array<Choice<E>, N>& choices);

  // The value, if it is there and of this kind.
  const Node* text(std::string_view key);
  const Node* array(std::string_view key);
  const Node* table(std::string_view key);
  // Of any kind.
  const Node* value(std::string_view key);
  // The texts of a list, with their places; others in it are problems.
  std::vector<const Node*> texts(std::string_view key);
  // The same, for a list that must be there and hold something; `hint` says what.
  std::vector<const Node*> required_texts(std::string_view key, std::string_view hint);
  std::optional<TableReader> reader(std::string_view key);

  // A key whose part comes later: a problem at the key if it is there and not as without it (false,
  // "", []).
  void not_built_yet(std::string_view key);

  // Call last: every key that was not asked for is a problem, with the nearest that was.
  void reject_unknown_keys();

 private:
  const Node* of_kind(std::string_view key, NodeKind kind, std::string_view hint);
  // The index of the word; none, and a problem, if it is not among them.
  std::optional<size_t> choose(std::string_view key, std::span<const std::string_view> words);
  void reject_range(const Node& value, std::string_view key, const std::string& min,
                    const std::string& max, const std::string& actual);
  void reject_unbuilt(Source where, const std::string& what);

  const Node& table_;
  std::string path_;
  ProblemList* problems_;
  std::vector<std::string_view> known_;
};

template <typename E, size_t N>
void TableReader::read_choice(std::string_view key, E& target,
                              const std::array<Choice<E>, N>& choices) {
  std::array<std::string_view, N> words;
  for (size_t i = 0; i < N; ++i) words[i] = choices[i].word;
  const std::optional<size_t> index = choose(key, words);
  if (!index) return;
  if (choices[*index].value) {
    target = *choices[*index].value;
  } else {
    reject_unbuilt(table_.find(key)->value.source,
                   path_of(key) + " = \"" + std::string(words[*index]) + "\"");
  }
}

}  // namespace flaskscale::config
