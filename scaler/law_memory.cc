#include "scaler/law_memory.h"

#include <array>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;

constexpr int kMemoryVersion = 1;
constexpr size_t kMostElements = 65536;  // of any list
constexpr size_t kMostBytes = size_t{8} << 20;
constexpr size_t kMostSavedNeeds = 512;
constexpr Duration kLongGap = std::chrono::minutes(10);
// Further back than this nothing is remembered; also keeps sums of times from overflowing.
constexpr Duration kLongestPast = std::chrono::hours(24 * 30);

// 16-bit numbers as three letters each.
constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kLettersEach = 3;

std::string pack(const std::deque<uint16_t>& numbers) {
  std::string text;
  text.reserve(numbers.size() * kLettersEach);
  for (const uint16_t number : numbers) {
    text += kLetters[number >> 12];
    text += kLetters[number >> 6 & 63];
    text += kLetters[number & 63];
  }
  return text;
}

std::optional<std::deque<uint16_t>> unpack(std::string_view text) {
  if (text.size() % kLettersEach != 0 || text.size() / kLettersEach > kMostElements) return {};
  std::array<uint8_t, 256> values;
  values.fill(0xff);
  for (size_t i = 0; i < kLetters.size(); ++i) {
    values[static_cast<uint8_t>(kLetters[i])] = static_cast<uint8_t>(i);
  }
  std::deque<uint16_t> numbers;
  for (size_t i = 0; i < text.size(); i += kLettersEach) {
    uint32_t number = 0;
    for (size_t k = 0; k < kLettersEach; ++k) {
      const uint8_t value = values[static_cast<uint8_t>(text[i + k])];
      if (value == 0xff) return {};
      number = number << 6 | value;
    }
    if (number > 0xffff) return {};
    numbers.push_back(static_cast<uint16_t>(number));
  }
  return numbers;
}

// Writes what visit() shows it. Times are nanoseconds relative to `now`.
class Writer {
 public:
  Writer(Json& out, Time now) : out_(out), now_(now) {}

  template <typename T>
  void field(const char* name, T& value) {
    out_[name] = written(value);
  }
  void packed(const char* name, std::deque<uint16_t>& numbers) { out_[name] = pack(numbers); }

 private:
  template <typename T>
  requires std::is_arithmetic_v<T> Json written(T& value)
  const { return value; }
  Json written(std::string& value) const { return value; }
  Json written(Time& value) const { return (value - now_).count(); }
  template <typename T>
  Json written(std::optional<T>& value) const {
    return value ? Json::array({written(*value)}) : Json::array();
  }
  template <typename A, typename B>
  Json written(std::pair<A, B>& value) const {
    return Json::array({written(value.first), written(value.second)});
  }
  template <typename T>
  requires requires(T& list) { list.begin(); }
  Json written(T& list) const {
    Json array = Json::array();
    for (auto& element : list) array.push_back(written(element));
    return array;
  }
  Json written(LoadSample& sample) const {
    return Json::array({sample.arrivals, sample.dispatched, sample.completions,
                        sample.holding_seconds, sample.in_flight_seconds, sample.in_flight,
                        sample.queued, sample.oldest_wait_seconds, sample.coverage});
  }
  template <typename T>
  requires requires(T& value, Writer& writer) { value.visit(writer); }
  Json written(T& value) const {
    Json object = Json::object();
    Writer writer(object, now_);
    value.visit(writer);
    return object;
  }

  Json& out_;
  Time now_;
};

// Reads what visit() shows it; remembers what was wrong first.
class Reader {
 public:
  // `now` is what times were relative to when they were written, on today's clock.
  Reader(const Json& in, Time now, std::string& wrong) : in_(in), now_(now), wrong_(wrong) {}

  template <typename T>
  void field(const char* name, T& value) {
    const auto found = in_.find(name);
    if (found == in_.end() || !read(*found, value)) fail(name);
  }
  void packed(const char* name, std::deque<uint16_t>& numbers) {
    const auto found = in_.find(name);
    auto unpacked = found != in_.end() && found->is_string()
                        ? unpack(found->template get_ref<const std::string&>())
                        : std::nullopt;
    if (!unpacked) return fail(name);
    numbers = *std::move(unpacked);
  }

 private:
  void fail(const char* name) {
    if (wrong_.empty()) wrong_ = name;
  }

  bool read(const Json& json, bool& value) const {
    if (!json.is_boolean()) return false;
    value = json.get<bool>();
    return true;
  }
  bool read(const Json& json, double& value) const {
    if (!json.is_number()) return false;
    value = json.get<double>();
    return std::isfinite(value);
  }
  template <typename T>
  requires std::is_integral_v<T>
  bool read(const Json& json, T& value) const {
    if (json.is_number_unsigned()) {
      const auto number = json.get<uint64_t>();
      value = static_cast<T>(number);
      return std::in_range<T>(number);
    }
    if (!json.is_number_integer()) return false;
    const auto number = json.get<int64_t>();
    value = static_cast<T>(number);
    return std::in_range<T>(number);
  }
  bool read(const Json& json, std::string& value) const {
    if (!json.is_string()) return false;
    value = json.get_ref<const std::string&>();
    return true;
  }
  bool read(const Json& json, Time& value) const {
    int64_t relative = 0;
    if (!read(json, relative)) return false;
    value = now_ + std::max(Duration(relative), -kLongestPast);
    return Duration(relative) <= kLongestPast;
  }
  template <typename T>
  bool read(const Json& json, std::optional<T>& value) const {
    if (!json.is_array() || json.size() > 1) return false;
    value.reset();
    return json.empty() || read(json[0], value.emplace());
  }
  template <typename A, typename B>
  bool read(const Json& json, std::pair<A, B>& value) const {
    return json.is_array() && json.size() == 2 && read(json[0], value.first) &&
           read(json[1], value.second);
  }
  template <typename T, size_t N>
  bool read(const Json& json, std::array<T, N>& list) const {
    if (!json.is_array() || json.size() != N) return false;
    for (size_t i = 0; i < N; ++i) {
      if (!read(json[i], list[i])) return false;
    }
    return true;
  }
  template <typename T>
  requires requires(T& list) { list.emplace_back(); }
  bool read(const Json& json, T& list) const {
    if (!json.is_array() || json.size() > kMostElements) return false;
    list.clear();
    for (const Json& element : json) {
      if (!read(element, list.emplace_back())) return false;
    }
    return true;
  }
  bool read(const Json& json, LoadSample& sample) const {
    return json.is_array() && json.size() == 9 && read(json[0], sample.arrivals) &&
           read(json[1], sample.dispatched) && read(json[2], sample.completions) &&
           read(json[3], sample.holding_seconds) && read(json[4], sample.in_flight_seconds) &&
           read(json[5], sample.in_flight) && read(json[6], sample.queued) &&
           read(json[7], sample.oldest_wait_seconds) && read(json[8], sample.coverage);
  }
  template <typename T>
  requires requires(T& value, Reader& reader) { value.visit(reader); }
  bool read(const Json& json, T& value) const {
    if (!json.is_object()) return false;
    Reader reader(json, now_, wrong_);
    value.visit(reader);
    return wrong_.empty() && value.settle();
  }

  const Json& in_;
  Time now_;
  std::string& wrong_;
};

Error unreadable(const std::string& why) {
  return make_error(ErrorCode::bad_message, "the law's saved memory can't be read: " + why);
}

// How long ago it was saved; none: unknown.
std::optional<Duration> passed_since(int64_t saved_wall, WallTime wall) {
  const int64_t now = wall.time_since_epoch().count();
  constexpr int64_t kMost = std::chrono::duration_cast<WallTime::duration>(kLongestPast).count();
  if (saved_wall <= 0 || now < saved_wall) return std::nullopt;
  return WallTime::duration(std::min(now - saved_wall, kMost));
}

void forget_the_past(LawState& state, Time now) {
  state.load.forget_rates();
  state.forecasts.interrupt();
  state.futility.interrupt();
  state.needed.restart_at(now);
  state.slots_forecast = SlidingMax{std::chrono::minutes(10)};
  state.backlog_need = SlidingMax{std::chrono::minutes(15)};
  state.planned.clear();
  state.covered_since.reset();
  state.last_scale_in.reset();
  state.last_step.reset();
  // Not active for longer than idle_to_zero may be true; more active than now is not.
  if (state.last_active && *state.last_active > now) state.last_active = now;
}

}  // namespace

std::string save(const LawState& state, Time now, WallTime wall) {
  LawState copy = state;
  copy.slots_forecast.thin(kMostSavedNeeds);
  copy.backlog_need.thin(kMostSavedNeeds);
  Json root = Json::object();
  root["version"] = kMemoryVersion;
  root["wall_ms"] = wall.time_since_epoch().count();
  Json law = Json::object();
  Writer writer(law, now);
  copy.visit(writer);
  root["law"] = std::move(law);
  return root.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<LawState> restore(std::string_view text, Time now, WallTime wall, Counters counters) {
  if (text.size() > kMostBytes) return unreadable("it is too large");
  const Json root = Json::parse(text, nullptr, false);
  if (!root.is_object()) return unreadable("it is no JSON object");
  const auto version = root.find("version");
  if (version == root.end() || *version != kMemoryVersion) return unreadable("unknown version");
  const auto saved_at = root.find("wall_ms");
  const auto law = root.find("law");
  if (saved_at == root.end() || !saved_at->is_number_integer() || law == root.end() ||
      !law->is_object()) {
    return unreadable("parts are missing");
  }
  const bool continues = counters == Counters::continued;
  const std::optional<Duration> passed = passed_since(saved_at->get<int64_t>(), wall);
  LawState state;
  std::string wrong;
  Reader reader(*law, now - passed.value_or(Duration::zero()), wrong);
  state.visit(reader);
  if (!wrong.empty()) return unreadable("\"" + wrong + "\" is wrong");
  if (!state.settle()) return unreadable("it contradicts itself");

  const bool is_known_time = passed || (continues && wall == WallTime{});
  if (!is_known_time || passed.value_or(Duration::zero()) > kLongGap) forget_the_past(state, now);
  if (!continues) {
    state.load.forget_counters();
    state.last_arrivals.reset();
    state.covered_since.reset();
    state.started = now;
  }
  return state;
}

}  // namespace flaskscale::scaler
