// [listeners.NAME], and the TLS of [pools.NAME], as flat keys and values.
#pragma once

#include "proxy/config/flat_section.h"
#include "proxy/config/model.h"

namespace flaskscale::config {

void flatten_listener(const ListenerModel& listener, Section section);
void flatten_pool_tls(const BackendTlsModel& tls, Section section);

}  // namespace flaskscale::config
