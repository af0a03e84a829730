// Reads a configuration file into a Model, or says everything that is wrong with it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/environment.h"
#include "proxy/config/model.h"
#include "proxy/config/problem.h"

namespace flaskscale::config {

// A model if and only if there is no problem.
struct Loaded {
  std::optional<Model> model;
  std::vector<Problem> problems;  // ordered by line and column
};

// Relative paths in the file are taken from its folder. Blocks; for the control loop.
Loaded load_file(const std::string& path, const Environment& environment);

// `file_name` is for messages; relative paths are taken from `base_directory`, which is absolute.
Loaded load_text(std::string_view text, const std::string& file_name,
                 const std::string& base_directory, const Environment& environment);

}  // namespace flaskscale::config
