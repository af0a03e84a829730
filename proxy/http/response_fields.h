// Which fields of a backend's response head a client gets, whatever its protocol.
#pragma once

#include <string_view>

#include "proxy/http/field_name.h"
#include "proxy/http/head.h"
#include "proxy/http/nominated_fields.h"

namespace flaskscale::http {

// Whether a received field goes to the client as it came. `framing` is what the client gets: with
// chunked, trailers may follow. Framing and connection fields never pass: they are generated.
bool passes_to_client(KnownField known, std::string_view name, Framing framing,
                      const NominatedFields& nominated);

}  // namespace flaskscale::http
