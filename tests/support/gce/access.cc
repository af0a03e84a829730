#include "tests/support/gce/access.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace flaskscale::emulator {
namespace {

constexpr std::string_view kScopes[] = {"https://www.googleapis.com/auth/cloud-platform",
                                        "https://www.googleapis.com/auth/compute"};

ApiError unauthorized() {
  return {401, "authError",
          "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
          "cookie or other valid authentication credential.",
          "ACCESS_TOKEN_EXPIRED"};
}

bool has(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

Access::Access(const Settings& settings, const Timeline& timeline)
    : settings_(settings), timeline_(timeline), chance_(settings.seed + 3) {}

Access::Token Access::issue(double seconds) {
  std::erase_if(tokens_, [&](const auto& each) { return each.second <= client_now(); });
  Token token{"ya29." + chance_.word(40), seconds};
  tokens_[token.text] = client_now() + seconds;
  return token;
}

// "compute.regionInstanceGroupManagers.createInstances" → "compute.instanceGroupManagers.update".
std::string Access::permission_of(const std::string& method) {
  const size_t dot = method.rfind('.');
  const std::string verb = method.substr(dot + 1);
  std::string resource = method.substr(0, dot);
  if (resource == "compute.regionInstanceGroupManagers") {
    resource = "compute.instanceGroupManagers";
  } else if (resource == "compute.regionAutoscalers") {
    resource = "compute.autoscalers";
  } else if (resource == "compute.regionInstanceTemplates") {
    resource = "compute.instanceTemplates";
  }
  if (verb == "aggregatedList") return resource + ".list";
  if (verb == "wait") return resource + ".get";
  if (verb == "insert") return resource + ".create";
  static const std::set<std::string, std::less<>> own = {
      "get", "list", "delete", "stop", "start", "suspend", "resume", "setLabels", "setMetadata"};
  if (resource == "compute.instanceGroupManagers") {
    const bool reads = verb == "get" || verb == "listManagedInstances" || verb == "listErrors";
    return resource + (reads ? ".get" : verb == "list" ? ".list" : ".update");
  }
  return resource + "." + (own.contains(verb) ? verb : "update");
}

std::optional<ApiError> Access::check(std::string_view authorization, const std::string& method,
                                      const std::string& where) const {
  if (!settings_.authenticate) return std::nullopt;
  constexpr std::string_view kBearer = "Bearer ";
  if (revoked_ || !authorization.starts_with(kBearer)) return unauthorized();
  const auto token = tokens_.find(authorization.substr(kBearer.size()));
  if (token == tokens_.end() || token->second <= client_now()) return unauthorized();
  const bool scoped =
      std::any_of(std::begin(kScopes), std::end(kScopes),
                  [&](std::string_view scope) { return has(settings_.scopes, scope); });
  if (!scoped) {
    return ApiError{403, "insufficientPermissions",
                    "Request had insufficient authentication scopes.",
                    "ACCESS_TOKEN_SCOPE_INSUFFICIENT"};
  }
  const std::string permission = permission_of(method);
  if (has(settings_.permissions, permission)) return std::nullopt;
  return ApiError{403, "forbidden", "Required '" + permission + "' permission for '" + where + "'",
                  ""};
}

std::optional<ApiError> Access::take_call() {
  const auto minute = static_cast<int64_t>(std::floor((client_now() + into_minute_) / 60));
  if (minute != minute_) calls_ = 0;
  minute_ = minute;
  if (++calls_ <= settings_.requests_per_minute) return std::nullopt;
  return ApiError{403, "rateLimitExceeded",
                  "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per "
                  "region' of service 'compute.googleapis.com'",
                  "RATE_LIMIT_EXCEEDED"};
}

}  // namespace flaskscale::emulator
