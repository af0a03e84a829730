#include "scaler/providers/process_state_dir.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;

// A pool's name as one path component.
std::string folder_name(const std::string& pool) {
  std::string name;
  for (const char c : pool) name += c == '/' || c == '\0' ? '_' : c;
  if (name.empty() || name == "." || name == "..") name = "_" + name;
  return name;
}

std::optional<ProcessRecord> parse(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto string_at = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto number_at = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0U;
  };
  ProcessRecord record;
  record.name = string_at("name");
  record.process.pid = static_cast<pid_t>(number_at("pid"));
  record.process.start_time = number_at("start_time");
  record.boot_id = string_at("boot_id");
  record.port = static_cast<uint16_t>(number_at("port"));
  record.fingerprint = string_at("fingerprint");
  const auto ending = json.find("ending");
  record.ending = ending != json.end() && ending->is_boolean() && ending->get<bool>();
  // A pid of 0 or 1 must never reach kill().
  if (record.name.empty() || record.process.pid <= 1 || record.port == 0) return std::nullopt;
  return record;
}

}  // namespace

ProcessStateDir::ProcessStateDir(const std::string& state_dir, const std::string& pool)
    : folder_(state_dir + "/process/" + folder_name(pool)) {}

Result<void> ProcessStateDir::open() {
  if (lock_) return {};
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) {
    return error_from_errno(error.value(), "state_dir: create " + folder_);
  }
  chmod(folder_.c_str(), 0700);
  const std::string path = folder_ + "/lock";
  FileDescriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return error_from_errno(errno, "state_dir: open " + path);
  if (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return make_error(ErrorCode::unavailable,
                        "state_dir: " + folder_ + " is in use by another flaskscale");
    }
    return error_from_errno(errno, "state_dir: lock " + path);
  }
  lock_ = std::move(lock);
  return {};
}

Result<void> ProcessStateDir::write(const ProcessRecord& record) const {
  const Json json = {{"name", record.name},
                     {"pid", static_cast<uint64_t>(record.process.pid)},
                     {"start_time", record.process.start_time},
                     {"boot_id", record.boot_id},
                     {"port", record.port},
                     {"fingerprint", record.fingerprint},
                     {"ending", record.ending}};
  const std::string path = record_path(record.name);
  const std::string fresh = path + ".new";
  const std::string what = "state_dir: write " + path;
  if (auto written = write_file(fresh, json.dump() + "\n", what); !written) return written.error();
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return error_from_errno(errno, what);
  return {};
}

Result<std::vector<ProcessRecord>> ProcessStateDir::load() const {
  std::vector<ProcessRecord> records;
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    paths.push_back(entry.path());
  }
  if (error) return error_from_errno(error.value(), "state_dir: read " + folder_);
  for (const std::filesystem::path& path : paths) {
    if (path.extension() == ".new") std::filesystem::remove(path, error);
    if (path.extension() != ".json") continue;
    std::ifstream file(path);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    std::optional<ProcessRecord> record = parse(text);
    if (record && record->name == path.stem().string()) {
      records.push_back(std::move(*record));
      continue;
    }
    spdlog::warn("{} is no record of an instance: removed", path.string());
    std::filesystem::remove(path, error);
  }
  return records;
}

void ProcessStateDir::erase(const std::string& name) const {
  std::remove(record_path(name).c_str());
  std::remove(output_path(name).c_str());
}

}  // namespace flaskscale::scaler
