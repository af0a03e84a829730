#include "tests/support/gce/fault.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include "tests/support/gce/glob.h"

namespace flaskscale::emulator {
namespace {

const std::set<std::string, std::less<>> kMatchers = {"kind", "method", "name",  "zone",
                                                      "nth",  "first",  "times", "probability",
                                                      "from", "until",  "page"};

// Kind: the members it may have.
const std::map<std::string, std::set<std::string>, std::less<>> kKinds = {
    {"http",
     {"status", "reason", "message", "detail_reason", "retry_after", "html", "body", "acts"}},
    {"latency", {"seconds"}},
    {"hang", {}},
    {"reset", {"when"}},
    {"truncate", {"when"}},
    {"garbage", {"when"}},
    {"refuse", {}},
    {"operation", {"outcome", "seconds", "code", "message", "http_status", "acts"}},
    {"wait_at_once", {}},
    {"forget_request_id", {}},
    {"list", {"what", "seconds", "rows"}},
    {"create", {"code", "message"}},
    {"boot", {"what", "seconds"}},
    {"token", {"expires_in"}},
    {"wrong_flavor", {}},
};

// A word that a member must be one of.
struct Choice {
  std::string_view kind;
  const char* member;
  std::vector<std::string_view> words;
};
const std::array<Choice, 4> kChoices{{
    {"operation", "outcome", {"slow", "never_done", "error", "lost"}},
    {"list", "what", {"stale", "duplicate", "missing", "unknown_values", "foreign"}},
    {"boot", "what", {"never_serves", "fails_later", "vanishes", "slow"}},
    {"reset", "when", {"before", "after"}},
}};

Result<void> check_members(const Json& text, const std::string& kind) {
  const auto known = kKinds.find(kind);
  if (known == kKinds.end()) {
    return make_error(ErrorCode::invalid_argument, "unknown kind of fault '" + kind + "'");
  }
  for (const auto& [member, value] : text.items()) {
    if (!kMatchers.contains(member) && !known->second.contains(member)) {
      return make_error(ErrorCode::invalid_argument, "fault " + kind + " has no '" + member + "'");
    }
  }
  for (const Choice& choice : kChoices) {
    if (choice.kind != kind) continue;
    const std::string word = text_of(text, choice.member, kind == "reset" ? "before" : "");
    if (std::find(choice.words.begin(), choice.words.end(), word) == choice.words.end()) {
      return make_error(ErrorCode::invalid_argument,
                        "fault " + kind + ": unknown " + choice.member + " '" + word + "'");
    }
  }
  return {};
}

bool read_nth(const Json& value, std::vector<uint64_t>& nth) {
  if (value.is_number_unsigned()) {
    nth = {value.get<uint64_t>()};
    return true;
  }
  if (!value.is_array()) return false;
  for (const Json& each : value) {
    if (!each.is_number_unsigned()) return false;
    nth.push_back(each.get<uint64_t>());
  }
  return true;
}

bool fits_method(const std::string& pattern, const std::string& method) {
  constexpr std::string_view kPrefix = "compute.";
  if (matches_glob(pattern, method)) return true;
  return method.starts_with(kPrefix) &&
         matches_glob(pattern, std::string_view(method).substr(kPrefix.size()));
}

}  // namespace

Result<Fault> Fault::parse(const Json& text, double now) {
  if (!text.is_object()) return make_error(ErrorCode::invalid_argument, "a fault is an object");
  Fault fault;
  fault.kind = text_of(text, "kind");
  if (auto checked = check_members(text, fault.kind); !checked) return checked.error();
  fault.details = text;
  fault.method = text_of(text, "method", "*");
  fault.name = text_of(text, "name", "*");
  fault.zone = text_of(text, "zone", "*");
  if (text.contains("nth") && !read_nth(text["nth"], fault.nth)) {
    return make_error(ErrorCode::invalid_argument, "nth is a number or a list of numbers");
  }
  if (text.contains("first")) fault.first = static_cast<uint64_t>(number_of(text, "first"));
  if (text.contains("times")) fault.times = static_cast<uint64_t>(number_of(text, "times"));
  fault.probability = number_of(text, "probability", 1);
  fault.from = now + number_of(text, "from", 0);
  fault.until = now + number_of(text, "until", std::numeric_limits<double>::infinity());
  fault.page = static_cast<int>(number_of(text, "page", 0));
  return fault;
}

bool Fault::fits(const FaultProbe& probe, double now) const {
  if (now < from || now >= until || hits >= times) return false;
  if (page != 0 && (page == 1) != (probe.page == 1)) return false;
  if (!fits_method(method, probe.method) || !matches_glob(zone, probe.zone)) return false;
  return name == "*" || std::any_of(probe.names.begin(), probe.names.end(),
                                    [&](const auto& each) { return matches_glob(name, each); });
}

}  // namespace flaskscale::emulator
