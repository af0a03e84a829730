#include <algorithm>

#include "base/text.h"
#include "proxy/config/host_pattern.h"
#include "proxy/config/route_cover.h"
#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

enum class Reading : uint8_t { right, with_problems };

Reading read_hosts(TableReader& table, RouteModel& route) {
  for (const Node* item : table.texts("hosts")) {
    Result<std::string> host = normalize_host(item->text);
    if (host) {
      route.hosts.push_back(*std::move(host));
    } else {
      table.problems().add(item->source, table.path_of("hosts") + ": " + host.error().detail);
    }
  }
  const Entry* written = table.node().find("hosts");
  const size_t count = written == nullptr ? 0 : written->value.items.size();
  return route.hosts.size() == count ? Reading::right : Reading::with_problems;
}

Reading read_paths(TableReader& table, RouteModel& route) {
  for (const Node* item : table.texts("paths")) {
    const Result<void> checked = check_path_prefix(item->text);
    if (checked) {
      route.paths.push_back(item->text);
    } else {
      table.problems().add(item->source, table.path_of("paths") + ": " + checked.error().detail);
    }
  }
  const Entry* written = table.node().find("paths");
  const size_t count = written == nullptr ? 0 : written->value.items.size();
  return route.paths.size() == count ? Reading::right : Reading::with_problems;
}

void read_pool_name(TableReader& table, const Model& model, RouteModel& route) {
  const Node* name = table.text("pool");
  const bool answers = route.redirect || route.respond;
  if (name == nullptr) {
    if (table.node().find("pool") == nullptr && !answers) {
      table.problems().add(table.node().source, "a route needs a pool, a redirect or a respond");
    }
    return;
  }
  if (answers) {
    table.problems().add(name->source, "a route with redirect or respond has no pool");
    return;
  }
  route.pool = name->text;
  if (model.pools.contains(name->text)) return;
  std::vector<std::string_view> pools;
  for (const auto& [pool, unused] : model.pools) pools.push_back(pool);
  const std::string_view meant = nearest(name->text, pools);
  table.problems().add(name->source, "there is no pool \"" + name->text + "\"",
                       meant.empty() ? "" : "did you mean \"" + std::string(meant) + "\"?");
}

// A route with a wrong host or path is not judged by what is left of it.
void read_route(const Node& item, const ReadContext& context, RouteCover& cover,
                ProblemList& problems, Model& model) {
  if (item.kind != NodeKind::table) {
    problems.add(item.source, "a route must be a table, not " + std::string(describe(item.kind)),
                 "write [[routes]] and its keys below");
    return;
  }
  TableReader table(item, "routes", problems);
  RouteModel route;
  route.source = item.source;
  const Reading hosts = read_hosts(table, route);
  const Reading paths = read_paths(table, route);
  read_route_action(table, context, route);
  read_pool_name(table, model, route);
  table.reject_unknown_keys();
  if (hosts == Reading::right && paths == Reading::right) {
    if (const std::optional<Source> earlier = cover.add(route)) {
      problems.add(item.source,
                   "this route is never reached: the one in line " + std::to_string(earlier->line) +
                       " takes its requests",
                   "the first route that matches wins");
    }
  }
  model.routes.push_back(std::move(route));
}

}  // namespace

void read_routes(TableReader& root, const ReadContext& context, Model& model) {
  const Node* list = root.value("routes");
  if (list == nullptr || (list->kind == NodeKind::array && list->items.empty())) {
    root.problems().add(list == nullptr ? Source{1, 1} : list->source, "no route",
                        "add [[routes]] with the name of a pool");
    return;
  }
  if (list->kind != NodeKind::array) {
    root.problems().add(list->source, "routes must be a list of tables", "write [[routes]]");
    return;
  }
  RouteCover cover;
  for (const Node& item : list->items) {
    read_route(item, context, cover, root.problems(), model);
  }
}

}  // namespace flaskscale::config
