// Problem documents (RFC 7807) as ACME uses them, in words.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/acme/failure.h"

namespace flaskscale::acme {

struct Problem {
  std::string type;  // without "urn:ietf:params:acme:error:": "rateLimited"; empty: none was sent
  std::string detail;
  std::string name;  // which domain name it is about; empty: none is said
  std::vector<Problem> subproblems;
};

// Anything else than a problem document gives an empty one. What it says is cut to a sane length
// and freed of control characters.
Problem read_problem(const nlohmann::json& json);
Problem parse_problem(std::string_view body);

// "unauthorized: The key authorization … (shop.example.com: dns: NXDOMAIN …)".
std::string describe(const Problem& problem);

// What an operator should look at, or nothing: a sentence that begins with "; ".
std::string hint_of(const Problem& problem);

// How to go on after it; `status` is that of the response.
FailureKind kind_of(const Problem& problem, int status);

}  // namespace flaskscale::acme
