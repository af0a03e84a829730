#include "scaler/providers/gce_obstacle.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace flaskscale::scaler {
namespace {

Obstacle obstacle_of(const GceProblem& problem) {
  const std::string_view code = problem.code;
  const auto contains = [code](std::string_view part) {
    return code.find(part) != std::string_view::npos;
  };
  if (contains("RESOURCE_POOL_EXHAUSTED") || contains("INSUFFICIENT_CAPACITY") ||
      problem.reason == "resource_availability" || problem.reason == "STOCKOUT") {
    return Obstacle::capacity;
  }
  if (contains("QUOTA")) return Obstacle::quota;
  constexpr std::array<std::string_view, 8> kForOperators = {
      "IP_SPACE_EXHAUSTED", "PERMISSIONS_ERROR", "CONDITION_NOT_MET", "RESOURCE_NOT_FOUND",
      "INVALID_",           "UNSUPPORTED_",      "HTTP_403",          "HTTP_412"};
  if (std::any_of(kForOperators.begin(), kForOperators.end(), contains)) {
    return Obstacle::configuration;
  }
  if (code == "RESOURCE_NOT_READY" || code == "RESOURCE_OPERATION_RATE_EXCEEDED") {
    return Obstacle::none;
  }
  return Obstacle::other;
}

int rank(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::none:
      return 0;
    case Obstacle::other:
      return 1;
    case Obstacle::capacity:
      return 2;
    case Obstacle::quota:
      return 3;
    case Obstacle::configuration:
      return 4;
  }
  return 0;
}

}  // namespace

Obstacle obstacle_of(const std::vector<GceProblem>& problems) {
  Obstacle worst = Obstacle::none;
  for (const GceProblem& problem : problems) {
    const Obstacle obstacle = obstacle_of(problem);
    if (rank(obstacle) > rank(worst)) worst = obstacle;
  }
  return worst;
}

std::string text_of(const std::vector<GceProblem>& problems) {
  constexpr size_t kMost = 3;
  std::string text;
  for (size_t i = 0; i < std::min(problems.size(), kMost); ++i) {
    if (i > 0) text += "; ";
    text += problems[i].code;
    if (!problems[i].message.empty()) text += ": " + problems[i].message;
  }
  return text;
}

bool is_name_taken(const GceProblem& problem) {
  return problem.code == "MEMBER_ALREADY_EXISTS" || problem.code == "RESOURCE_ALREADY_EXISTS" ||
         problem.code == "HTTP_409";
}

}  // namespace flaskscale::scaler
