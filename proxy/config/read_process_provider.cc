#include <chrono>

#include "proxy/config/sections.h"

namespace flaskscale::config {

void read_process_provider(TableReader& process, const ReadContext& context, Use use,
                           ProcessProviderModel& model) {
  read_variables(process, model.environment);
  read_directory(process, context, use, model.directory);
  read_required_words(process, "command",
                      "the program and its arguments, such as [\"gunicorn\", \"--bind\", "
                      "\"{address}\", \"app:app\"]",
                      {context, use, model.directory, model.environment}, model.command);
  process.read_duration("stop_grace", model.stop_grace, {Duration::zero(), std::chrono::hours(1)});
  process.reject_unknown_keys();
}

}  // namespace flaskscale::config
