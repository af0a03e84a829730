// What the engine says while it pulls an image, added up.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace flaskscale::scaler {

// Fed with the stream of JSON objects, one a line, in pieces of any size. Bounded, whatever comes.
class DockerPullProgress {
 public:
  void feed(std::string_view piece);
  // After the last piece: what is left counts as a line.
  void finish();

  // "3 of 5 layers, 12 of 48MiB"; empty while nothing is known.
  std::string summary() const;
  // Why the pull failed; empty: no message said so.
  const std::string& error() const { return error_; }

 private:
  struct Layer {
    uint64_t received = 0;
    uint64_t total = 0;
    bool done = false;
  };

  void take_line();

  std::string line_;
  bool skipping_ = false;  // the rest of a line that is too long
  std::map<std::string, Layer> layers_;
  std::string error_;
};

}  // namespace flaskscale::scaler
