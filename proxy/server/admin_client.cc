#include "proxy/server/admin_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace flaskscale::server {
namespace {

using nlohmann::json;

size_t append_bytes(char* data, size_t size, size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

std::string slots_text(const json& value) {
  return value.is_number() ? std::to_string(value.get<uint64_t>()) : std::string("unlimited");
}

// Those that are no backend of the pool now, and what is to be known of the others beside that.
void append_instance(const json& instance, std::string& out) {
  const auto text = [&](const char* key) { return instance.at(key).get<std::string>(); };
  out += fmt::format("  instance {:<16} {:<9} {:.0f} s", text("name"), text("state"),
                     instance.at("age_seconds").get<double>());
  for (const char* key : {"address", "id", "zone", "version", "detail"}) {
    if (!text(key).empty()) out += fmt::format(", {} {}", key, text(key));
  }
  out += '\n';
}

void append_scaling(const json& scaling, std::string& out) {
  out +=
      fmt::format("  scaling ({}, {}): {} desired of {} to {}, offered load {:.2f}\n",
                  scaling.at("provider").get<std::string>(), scaling.at("mode").get<std::string>(),
                  scaling.at("desired").get<int64_t>(), scaling.at("min").get<int64_t>(),
                  scaling.at("max").get<int64_t>(), scaling.at("offered_load").get<double>());
  std::string states;
  for (const auto& [state, count] : scaling.at("instances_by_state").items()) {
    if (count.get<uint64_t>() == 0) continue;
    states += fmt::format("{}{} {}", states.empty() ? "" : ", ", count.get<uint64_t>(), state);
  }
  out += fmt::format("  instances: {}\n", states.empty() ? "none" : states);
  for (const json& alarm : scaling.at("alarms")) {
    out += fmt::format("  ALARM {} for {:.0f} s: {}\n", alarm.at("alarm").get<std::string>(),
                       alarm.at("seconds").get<double>(), alarm.at("text").get<std::string>());
  }
  if (const auto error = scaling.at("last_error").get<std::string>(); !error.empty()) {
    out += fmt::format("  provider: {}\n", error);
  }
  if (const json& last = scaling.at("last_decision"); last.is_object()) {
    out += fmt::format("  last decision: {}\n", last.at("text").get<std::string>());
  }
  for (const json& instance : scaling.at("instances")) append_instance(instance, out);
}

void append_pool(const json& pool, std::string& out) {
  const json& queue = pool.at("queue");
  out += fmt::format(
      "pool {}: {} in flight of {} slots, {} queued (oldest {:.1f} s), {} requests so far\n",
      pool.at("name").get<std::string>(), pool.at("in_flight").get<uint64_t>(),
      slots_text(pool.at("slots")), queue.at("depth").get<uint64_t>(),
      queue.at("oldest_seconds").get<double>(), pool.at("requests_total").get<uint64_t>());
  if (const json& scaling = pool.at("scaling"); scaling.is_object()) append_scaling(scaling, out);
  for (const json& backend : pool.at("backends")) {
    out += fmt::format(
        "  {:<24} {:<9} {}{} {} in flight of {} {}\n", backend.at("address").get<std::string>(),
        backend.at("state").get<std::string>(), backend.at("up").get<bool>() ? "up" : "down",
        backend.at("ejected").get<bool>() ? ", ejected" : "",
        backend.at("in_flight").get<uint64_t>(), slots_text(backend.at("limit")),
        backend.at("instance").get<std::string>());
  }
}

std::string summary(const json& status) {
  std::string out = fmt::format(
      "flaskscale {} ({}): {}, generation {}, up {:.0f} s, {} connections\n",
      status.at("version").get<std::string>(), status.at("commit").get<std::string>(),
      status.at("state").get<std::string>(), status.at("generation").get<uint64_t>(),
      status.at("uptime_seconds").get<double>(), status.at("connections").get<uint64_t>());
  const json& reload = status.at("last_reload");
  if (!reload.at("success").get<bool>()) {
    out += "last reload refused: " + reload.at("error").get<std::string>() + "\n";
  }
  for (const json& pool : status.at("pools")) append_pool(pool, out);
  return out;
}

}  // namespace

Result<std::string> AdminClient::call(Verb verb, const std::string& path) const {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 curl_easy_cleanup);
  if (curl == nullptr) return make_error(ErrorCode::internal, "no memory for a request");
  std::string body;
  const std::string url = "http://" + address_ + path;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 10L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, append_bytes);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  if (verb == Verb::post) curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, "");
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) {
    return make_error(ErrorCode::unavailable, "no FlaskScale answers on its admin listener " +
                                                  address_ + ": " + curl_easy_strerror(code));
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return body;
  const json error = json::parse(body, nullptr, false);
  if (error.is_object() && error.contains("error")) {
    return make_error(ErrorCode::not_found, error.at("error").get<std::string>());
  }
  return make_error(ErrorCode::unavailable,
                    "the admin listener answered " + std::to_string(status));
}

Result<std::string> AdminClient::status() const {
  auto body = call(Verb::get, "/api/v1/status");
  if (!body) return body;
  try {
    return summary(json::parse(*body));
  } catch (const json::exception& error) {
    return make_error(ErrorCode::bad_message,
                      "the answer of " + address_ + " is not a FlaskScale status: " + error.what());
  }
}

Result<std::string> AdminClient::drain(const std::string& pool, const std::string& backend) const {
  return change(pool, backend, "drain");
}

Result<std::string> AdminClient::undrain(const std::string& pool,
                                         const std::string& backend) const {
  return change(pool, backend, "undrain");
}

Result<std::string> AdminClient::change(const std::string& pool, const std::string& backend,
                                        const std::string& what) const {
  auto body = call(Verb::post, "/api/v1/pools/" + pool + "/backends/" + backend + "/" + what);
  if (!body) return body;
  const json change = json::parse(*body, nullptr, false);
  if (!change.is_object()) return make_error(ErrorCode::bad_message, "unreadable answer");
  return fmt::format("{} is {}, {} in flight\n", change.value("address", backend),
                     change.value("state", std::string("unknown")),
                     change.value("in_flight", uint64_t{0}));
}

}  // namespace flaskscale::server
