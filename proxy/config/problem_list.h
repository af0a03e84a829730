// The problems of one file, collected while it is read.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "proxy/config/model.h"
#include "proxy/config/problem.h"

namespace flaskscale::config {

class ProblemList {
 public:
  explicit ProblemList(std::string file_name) : file_name_(std::move(file_name)) {}

  void add(Source where, std::string message, std::string hint = "");
  bool empty() const { return problems_.empty(); }
  // Ordered by line and column. Leaves the list empty.
  std::vector<Problem> take();

 private:
  const std::string file_name_;
  std::vector<Problem> problems_;
};

}  // namespace flaskscale::config
