// A model as a flat list of keys and values, to compare and to print.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "proxy/config/model.h"

namespace flaskscale::config {

struct FlatValue {
  std::string value;
  std::string shown;  // the same, or "(hidden)" for what may be a secret
};

// By key: "pools.shop.queue.limit". A pool, listener or scaling also has its own key, with the
// value "present". Without the routes.
using FlatModel = std::map<std::string, FlatValue>;

FlatModel flatten(const Model& model);

// One text for each route, in order: "shop.example.com/api -> shop". It differs when anything of
// the route does.
std::vector<std::string> describe_routes(const Model& model);

}  // namespace flaskscale::config
