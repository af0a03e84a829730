#include "proxy/config/problem_list.h"

#include <algorithm>
#include <tuple>

namespace flaskscale::config {

void ProblemList::add(Source where, std::string message, std::string hint) {
  problems_.push_back({file_name_, where.line, where.column, std::move(message), std::move(hint)});
}

std::vector<Problem> ProblemList::take() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
  return std::exchange(problems_, {});
}

}  // namespace flaskscale::config
