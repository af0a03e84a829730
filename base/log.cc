#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace flaskscale {

void set_up_log() {
  auto logger = std::make_shared<spdlog::logger>("flaskscale",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  const char* level = std::getenv("FLASKSCALE_LOG");
  logger->set_level(level == nullptr ? spdlog::level::info : spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace flaskscale
