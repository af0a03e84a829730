// Puts the values of one table into a flat model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "proxy/config/flat_model.h"

namespace flaskscale::config {

std::string quoted(std::string_view text);
std::string list_of(const std::vector<std::string>& items);

// The model must outlive it.
class Section {
 public:
  Section(FlatModel& model, std::string path) : model_(model), path_(std::move(path)) {}

  Section below(const std::string& key) const { return Section(model_, path_ + "." + key); }
  void present();
  void put(const std::string& key, std::string value);
  // What may hold a secret.
  void put_hidden(const std::string& key, const std::string& value);
  void count(const std::string& key, uint64_t value);
  void number(const std::string& key, double value);
  void size(const std::string& key, uint64_t bytes);
  void duration(const std::string& key, Duration value);
  void text(const std::string& key, std::string_view value);

 private:
  FlatModel& model_;
  const std::string path_;
};

}  // namespace flaskscale::config
