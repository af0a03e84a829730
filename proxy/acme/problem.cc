#include "proxy/acme/problem.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace flaskscale::acme {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPrefix = "urn:ietf:params:acme:error:";
constexpr size_t kLongestText = 600;
constexpr size_t kMostSubproblems = 10;

std::string printable_text(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return {};
  std::string text = found->get<std::string>();
  if (text.size() > kLongestText) text.replace(kLongestText, std::string::npos, "…");
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text;
}

Problem read_one(const Json& json) {
  Problem problem;
  if (!json.is_object()) return problem;
  problem.type = printable_text(json, "type");
  if (problem.type.starts_with(kPrefix)) problem.type.erase(0, kPrefix.size());
  problem.detail = printable_text(json, "detail");
  const auto identifier = json.find("identifier");
  if (identifier != json.end() && identifier->is_object()) {
    problem.name = printable_text(*identifier, "value");
  }
  return problem;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kHints = {{
    {"dns", "the name must resolve, for everybody, to this machine's public address"},
    {"connection",
     "the name must lead to this machine, and port 80 must be reachable from everywhere: look at "
     "DNS, the firewall and port forwarding"},
    {"unauthorized",
     "another server seems to have answered on port 80: DNS (AAAA too) must lead to this machine, "
     "and nothing in front of it may answer /.well-known/acme-challenge/ itself"},
    {"incorrectResponse",
     "another server seems to have answered on port 80: DNS (AAAA too) must lead to this machine"},
    {"tls", "a redirect led to HTTPS that the directory could not follow"},
    {"caa", "the name's CAA records forbid this authority: allow it, or take them away"},
    {"rejectedIdentifier", "the authority does not issue for this name"},
    {"unsupportedIdentifier", "the authority does not issue for this kind of name"},
    {"rateLimited", "see the authority's page on rate limits; a staging directory is for trying"},
    {"userActionRequired", "the terms of service have changed: read them, then restart"},
    {"externalAccountRequired",
     "this authority wants an account made with it: set acme.eab_key_id and acme.eab_key"},
    {"accountDoesNotExist", "the account is made anew"},
    {"invalidContact", "acme.email is not to the authority's liking"},
    {"unsupportedContact", "acme.email is not to the authority's liking"},
    {"badSignatureAlgorithm", "the authority wants another kind of account key than ES256"},
    {"badCSR", "the authority wants other names or another kind of key"},
}};

}  // namespace

Problem read_problem(const Json& json) {
  Problem problem = read_one(json);
  if (!json.is_object()) return problem;
  const auto list = json.find("subproblems");
  if (list == json.end() || !list->is_array()) return problem;
  for (const Json& entry : *list) {
    if (problem.subproblems.size() == kMostSubproblems) break;
    problem.subproblems.push_back(read_one(entry));
  }
  return problem;
}

Problem parse_problem(std::string_view body) {
  return read_problem(Json::parse(body, nullptr, false));
}

std::string describe(const Problem& problem) {
  std::string text = problem.type;
  if (!problem.detail.empty()) text += (text.empty() ? "" : ": ") + problem.detail;
  if (problem.subproblems.empty()) return text;
  text += " (";
  for (const Problem& part : problem.subproblems) {
    if (&part != &problem.subproblems.front()) text += "; ";
    text += (part.name.empty() ? "" : part.name + ": ") + describe(part);
  }
  return text + ")";
}

std::string hint_of(const Problem& problem) {
  // What is wrong with one of the names says more than that something is.
  for (const Problem& part : problem.subproblems) {
    if (std::string hint = hint_of(part); !hint.empty()) return hint;
  }
  const auto* const found = std::find_if(
      kHints.begin(), kHints.end(), [&](const auto& hint) { return hint.first == problem.type; });
  return found == kHints.end() ? "" : "; " + std::string(found->second);
}

FailureKind kind_of(const Problem& problem, int status) {
  if (problem.type == "rateLimited" || status == 429) return FailureKind::rate_limited;
  if (problem.type == "accountDoesNotExist") return FailureKind::account_unknown;
  if (problem.type == "orderNotReady") return FailureKind::not_ready;
  if (status >= 500 || status == 408 || status == 425) return FailureKind::passing;
  if (status == 404 || status == 410) return FailureKind::gone;
  if (problem.type == "serverInternal" || problem.type == "badNonce") return FailureKind::passing;
  // What is no answer of a directory (a captive portal, a proxy's page) may pass.
  return problem.type.empty() ? FailureKind::passing : FailureKind::refused;
}

}  // namespace flaskscale::acme
