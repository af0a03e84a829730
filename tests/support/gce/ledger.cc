#include "tests/support/gce/ledger.h"

#include <algorithm>
#include <utility>

#include "tests/support/gce/glob.h"

namespace flaskscale::emulator {
namespace {

constexpr size_t kEntriesKept = 20'000;
constexpr size_t kProblemsKept = 200;
constexpr size_t kBodyKept = 16'384;

Json as_json(const std::string& body) {
  if (body.empty()) return nullptr;
  Json value = Json::parse(body.substr(0, 1U << 20U), nullptr, false);
  return value.is_discarded() ? Json(body.substr(0, kBodyKept)) : value;
}

void keep_last(std::deque<Json>& list, Json entry) {
  list.push_back(std::move(entry));
  if (list.size() > kProblemsKept) list.pop_front();
}

std::string to_line(const Json& entry) {
  return entry.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<void> Ledger::open_file(const std::string& path) {
  file_.open(path, std::ios::app);
  if (!file_) return make_error(ErrorCode::io_error, "cannot write " + path);
  return {};
}

void Ledger::add(CallRecord record) {
  Counts& counts = by_method_[record.method];
  ++counts.count;
  ++counts.statuses[record.status];
  ++numbered_;
  const bool counted = !record.method.starts_with("metadata.") && record.method != "token";
  if (counted) {
    ++total_;
    const auto minute = static_cast<size_t>(std::max(0.0, record.client_at) / 60);
    if (per_minute_.size() <= minute) per_minute_.resize(minute + 1);
    ++per_minute_[minute];
  }
  if (!keeps_bodies_ && !file_.is_open()) return;
  Json entry = {{"n", numbered_},
                {"at", record.at},
                {"method", record.method},
                {"http", record.verb},
                {"path", record.path},
                {"query", record.query},
                {"status", record.status},
                {"fault", record.fault},
                {"request", as_json(record.request)},
                {"response", as_json(record.response)}};
  if (file_.is_open()) file_ << to_line(entry) << std::endl;
  entries_.push_back(std::move(entry));
  if (entries_.size() > kEntriesKept) entries_.pop_front();
}

void Ledger::add_violation(double at, const std::string& verb, const std::string& path,
                           const std::string& problem) {
  ++violations_;
  keep_last(request_problems_, {{"at", at}, {"http", verb}, {"path", path}, {"problem", problem}});
}

void Ledger::add_response_problem(double at, const std::string& method,
                                  const std::string& problem) {
  ++response_problems_;
  keep_last(own_problems_, {{"at", at}, {"method", method}, {"problem", problem}});
}

uint64_t Ledger::count(const std::string& method) const {
  const auto found = by_method_.find(method);
  return found == by_method_.end() ? 0 : found->second.count;
}

uint32_t Ledger::most_per_minute() const {
  return per_minute_.empty() ? 0 : *std::max_element(per_minute_.begin(), per_minute_.end());
}

Json Ledger::calls() const {
  Json methods = Json::object();
  for (const auto& [method, counts] : by_method_) {
    methods[method]["count"] = counts.count;
    for (const auto& [status, count] : counts.statuses) {
      methods[method]["statuses"][std::to_string(status)] = count;
    }
  }
  return {{"total", total_},
          {"by_method", std::move(methods)},
          {"per_minute", per_minute_},
          {"most_per_minute", most_per_minute()}};
}

Json Ledger::violations_json() const {
  return {{"count", violations_}, {"requests", request_problems_}, {"responses", own_problems_}};
}

Json Ledger::journal(uint64_t since, const std::string& method_glob) const {
  Json list = Json::array();
  for (const Json& entry : entries_) {
    if (entry["n"].get<uint64_t>() <= since) continue;
    if (matches_glob(method_glob, text_of(entry, "method"))) list.push_back(entry);
  }
  return {{"next", numbered_}, {"entries", std::move(list)}};
}

void Ledger::forget_calls() {
  by_method_.clear();
  per_minute_.clear();
  total_ = 0;
}

void Ledger::forget_violations() {
  violations_ = 0;
  response_problems_ = 0;
  request_problems_.clear();
  own_problems_.clear();
}

}  // namespace flaskscale::emulator
