// Whom a request came from, when proxies stand between.
#pragma once

#include <span>
#include <vector>

#include "base/ip_address.h"
#include "proxy/http/head.h"

namespace flaskscale::http {

// The client of a request that a trusted proxy at `peer` handed over: of X-Forwarded-For (or, if
// there is none, of Forwarded) the first address from the right that is not in `trusted`, since
// each proxy adds to the right whom it heard from and only trusted ones are believed. If all are
// trusted, the leftmost. An entry that is no address ("unknown", "_hidden") ends the search: the
// last that was one is the answer. Ports are ignored. No allocation.
IpAddress forwarded_client(const std::vector<Field>& fields, const IpAddress& peer,
                           std::span<const IpNetwork> trusted);

}  // namespace flaskscale::http
