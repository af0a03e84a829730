#include "scaler/providers/docker_pull_progress.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "scaler/providers/docker_messages.h"
#include "scaler/providers/json_reading.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;

constexpr size_t kLongestProgressLine = 64U << 10U;
constexpr size_t kMostLayers = 1000;
constexpr size_t kLongestError = 500;

uint64_t size_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  const bool fine = found != object.end() && found->is_number_unsigned();
  return fine ? found->get<uint64_t>() : 0;
}

}  // namespace

void DockerPullProgress::feed(std::string_view piece) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (line_.size() + part.size() > kLongestProgressLine) skipping_ = true;
    if (!skipping_) line_ += part;
    if (end == std::string_view::npos) return;
    take_line();
    piece.remove_prefix(end + 1);
  }
}

void DockerPullProgress::finish() { take_line(); }

void DockerPullProgress::take_line() {
  const Json message = skipping_ ? Json() : Json::parse(line_, nullptr, false);
  line_.clear();
  skipping_ = false;
  if (!message.is_object()) return;
  if (std::string error = text_of(message, "error"); !error.empty()) {
    error_ = in_one_line(error).substr(0, kLongestError);
  }
  const std::string id = text_of(message, "id");
  const std::string status = text_of(message, "status");
  // The first line has the tag for an id.
  if (id.empty() || status.starts_with("Pulling from")) return;
  if (!layers_.contains(id) && layers_.size() >= kMostLayers) return;
  Layer& layer = layers_[id];
  if (status == "Pull complete" || status == "Already exists") {
    layer.done = true;
    layer.received = layer.total;
  }
  if (status != "Downloading") return;
  const auto detail = message.find("progressDetail");
  if (detail == message.end() || !detail->is_object()) return;
  layer.total = std::max(layer.total, size_of(*detail, "total"));
  layer.received = std::min(size_of(*detail, "current"), layer.total);
}

std::string DockerPullProgress::summary() const {
  if (layers_.empty()) return "";
  size_t done = 0;
  uint64_t received = 0;
  uint64_t total = 0;
  for (const auto& [id, layer] : layers_) {
    done += layer.done ? 1 : 0;
    received += layer.done ? layer.total : layer.received;
    total += layer.total;
  }
  std::string text = std::to_string(done) + " of " + std::to_string(layers_.size()) + " layers";
  if (total != 0) text += ", " + format_size(received) + " of " + format_size(total);
  return text;
}

}  // namespace flaskscale::scaler
