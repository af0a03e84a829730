// What is wrong in a configuration file, and where.
#pragma once

#include <cstdint>
#include <string>

namespace flaskscale::config {

struct Problem {
  std::string file;
  uint32_t line = 0;    // from 1; 0: the file as a whole, for one that cannot be read
  uint32_t column = 0;  // from 1, in characters
  std::string message;  // what is wrong
  std::string hint;     // what was meant or what to do; may be empty
};

// "FILE:LINE:COLUMN: message (hint)".
std::string to_string(const Problem& problem);

}  // namespace flaskscale::config
