#include "proxy/acme/store.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64url.h"
#include "proxy/acme/file_io.h"

namespace flaskscale::acme {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kChain = "fullchain.pem";
constexpr std::string_view kKey = "privkey.pem";
constexpr std::string_view kNextChain = "fullchain.next.pem";
constexpr std::string_view kNextKey = "privkey.next.pem";
constexpr std::string_view kRecord = "order.json";
constexpr auto kStandInLife = std::chrono::hours(24 * 365);

int64_t milliseconds_of(WallTime time) { return time.time_since_epoch().count(); }
WallTime time_of(int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

template <typename T>
T value_of(const Json& json, const char* key, T fallback) {
  const auto found = json.find(key);
  if (found == json.end()) return fallback;
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->template get<T>() : fallback;
  } else if constexpr (std::is_same_v<T, bool>) {
    return found->is_boolean() ? found->template get<T>() : fallback;
  } else {
    return found->is_number_integer() ? found->template get<T>() : fallback;
  }
}

Json read_json(const std::string& path) {
  const auto text = read_small_file(path);
  if (!text) return Json();
  return Json::parse(*text, nullptr, false);
}

Result<void> write_json(const std::string& path, const Json& json) {
  return replace_file(path, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n",
                      Secrecy::owner_only);
}

std::optional<Key> read_key(const std::string& path) {
  const auto pem = read_small_file(path);
  if (!pem) return std::nullopt;
  auto key = Key::from_pem(*pem);
  if (!key) return std::nullopt;
  return *std::move(key);
}

std::optional<CertificateFacts> read_files(const std::string& chain_path,
                                           const std::string& key_path) {
  const auto key = read_key(key_path);
  const auto chain = read_small_file(chain_path);
  if (!key || !chain) return std::nullopt;
  auto facts = read_pair(*chain, *key);
  if (!facts) return std::nullopt;
  return *std::move(facts);
}

std::vector<std::string> in_order(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string Store::path_of(const std::string& name, std::string_view file) const {
  return folder_ + "/" + name + "/" + std::string(file);
}

// --- Account

Result<Key> Store::account_key() {
  const std::lock_guard lock(mutex_);
  const std::string path = folder_ + "/account.key";
  const auto pem = read_small_file(path);
  if (pem) {
    auto key = Key::from_pem(*pem);
    if (key) return key;
    return make_error(ErrorCode::bad_message,
                      path + " " + key.error().detail +
                          ": put it back, or remove it and have a new account made");
  }
  if (pem.error().code != ErrorCode::not_found) return pem.error();
  auto key = Key::generate();
  if (!key) return key;
  if (auto made = make_folder(folder_); !made) return made.error();
  if (auto kept = replace_file(path, key->pem(), Secrecy::owner_only); !kept) return kept.error();
  return key;
}

Account Store::account(std::string_view directory_url) {
  const std::lock_guard lock(mutex_);
  const Json json = read_json(folder_ + "/account.json");
  if (!json.is_object() || value_of(json, "directory", std::string()) != directory_url) return {};
  return {value_of(json, "url", std::string()), value_of(json, "email", std::string())};
}

Result<void> Store::keep_account(std::string_view directory_url, const Account& account) {
  const std::lock_guard lock(mutex_);
  return write_json(folder_ + "/account.json",
                    {{"directory", directory_url}, {"url", account.url}, {"email", account.email}});
}

Hold Store::hold(std::string_view directory_url) {
  const std::lock_guard lock(mutex_);
  const Json json = read_json(folder_ + "/hold.json");
  if (!json.is_object() || value_of(json, "directory", std::string()) != directory_url) return {};
  return {time_of(value_of(json, "until_ms", int64_t{0})), value_of(json, "asked_to_wait", false)};
}

Result<void> Store::keep_hold(std::string_view directory_url, const Hold& hold) {
  const std::lock_guard lock(mutex_);
  if (auto made = make_folder(folder_); !made) return made;
  return write_json(folder_ + "/hold.json", {{"directory", directory_url},
                                             {"until_ms", milliseconds_of(hold.until)},
                                             {"asked_to_wait", hold.asked_to_wait}});
}

// --- Certificates

// A crash between the two renames of install() is made good.
void Store::complete_install(const std::string& name) const {
  const std::string chain = path_of(name, kNextChain);
  if (access(chain.c_str(), F_OK) != 0) return;
  Result<void> done;
  if (read_files(chain, path_of(name, kNextKey))) {
    done = rename_files(
        {{path_of(name, kNextKey), path_of(name, kKey)}, {chain, path_of(name, kChain)}});
  } else if (read_files(chain, path_of(name, kKey))) {
    done = rename_files({{chain, path_of(name, kChain)}});
  } else {
    unlink(chain.c_str());
  }
  if (!done) spdlog::error("acme: {}", done.error().detail);
}

std::optional<CertificateFacts> Store::read(const std::string& name) const {
  complete_install(name);
  return read_files(path_of(name, kChain), path_of(name, kKey));
}

std::optional<CertificateFacts> Store::current(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return read(name);
}

Result<void> Store::ensure_pair(const std::vector<std::string>& names, WallTime now) {
  const std::lock_guard lock(mutex_);
  const std::string& name = names.front();
  if (auto made = make_folder(folder_ + "/" + name); !made) return made;
  const auto facts = read(name);
  // An authority's certificate is kept whatever its age: it is better than none.
  if (facts && !facts->is_self_issued) return {};
  if (facts && facts->not_after > now && facts->names == in_order(names)) return {};
  const auto key = Key::generate();
  if (!key) return key.error();
  const auto chain = stand_in_certificate(*key, names, now, kStandInLife);
  if (!chain) return chain.error();
  if (auto kept = replace_file(path_of(name, kKey), key->pem(), Secrecy::owner_only); !kept) {
    return kept;
  }
  return replace_file(path_of(name, kChain), *chain, Secrecy::readable);
}

Result<Key> Store::next_key(const std::string& name, NextKey which) {
  const std::lock_guard lock(mutex_);
  const std::string path = path_of(name, kNextKey);
  if (which == NextKey::kept) {
    const auto pem = read_small_file(path);
    if (!pem) return pem.error();
    return Key::from_pem(*pem);
  }
  auto key = Key::generate();
  if (!key) return key;
  if (auto made = make_folder(folder_ + "/" + name); !made) return made.error();
  if (auto kept = replace_file(path, key->pem(), Secrecy::owner_only); !kept) return kept.error();
  return key;
}

Result<CertificateFacts> Store::install(const std::vector<std::string>& names,
                                        const std::string& chain_pem, WallTime now) {
  const std::lock_guard lock(mutex_);
  const std::string& name = names.front();
  const auto key = read_key(path_of(name, kNextKey));
  if (!key) return make_error(ErrorCode::bad_message, "its key is lost");
  auto facts = read_pair(chain_pem, *key);
  if (!facts) return facts;
  const std::vector<std::string> wanted = in_order(names);
  if (!std::includes(facts->names.begin(), facts->names.end(), wanted.begin(), wanted.end())) {
    return make_error(ErrorCode::bad_message, "is not for all the names that were asked for");
  }
  if (facts->not_after <= now) {
    return make_error(ErrorCode::bad_message, "has already run out; look at this machine's clock");
  }
  if (auto kept = replace_file(path_of(name, kNextChain), chain_pem, Secrecy::readable); !kept) {
    return kept.error();
  }
  complete_install(name);
  if (!read_files(path_of(name, kChain), path_of(name, kKey))) {
    return make_error(ErrorCode::io_error, "could not be put in its place");
  }
  return facts;
}

// --- Records

OrderRecord Store::record(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const Json json = read_json(path_of(name, kRecord));
  OrderRecord record;
  if (!json.is_object()) return record;
  if (const auto names = json.find("names"); names != json.end() && names->is_array()) {
    for (const Json& entry : *names) {
      if (entry.is_string()) record.names.push_back(entry.get<std::string>());
    }
  }
  if (const auto list = json.find("challenges"); list != json.end() && list->is_object()) {
    for (const auto& [token, answer] : list->items()) {
      if (answer.is_string() && is_base64url(token)) {
        record.challenges.emplace(token, answer.get<std::string>());
      }
    }
  }
  record.order_url = value_of(json, "order", std::string());
  record.last_order = time_of(value_of(json, "last_order_ms", int64_t{0}));
  record.failures = value_of(json, "failures", 0U);
  record.asked_to_wait = value_of(json, "asked_to_wait", false);
  record.next_try = time_of(value_of(json, "next_try_ms", int64_t{0}));
  record.last_error = value_of(json, "last_error", std::string());
  return record;
}

Result<void> Store::keep_record(const std::string& name, const OrderRecord& record) {
  const std::lock_guard lock(mutex_);
  if (auto made = make_folder(folder_ + "/" + name); !made) return made;
  return write_json(path_of(name, kRecord), {{"names", record.names},
                                             {"order", record.order_url},
                                             {"challenges", record.challenges},
                                             {"last_order_ms", milliseconds_of(record.last_order)},
                                             {"failures", record.failures},
                                             {"asked_to_wait", record.asked_to_wait},
                                             {"next_try_ms", milliseconds_of(record.next_try)},
                                             {"last_error", record.last_error}});
}

}  // namespace flaskscale::acme
