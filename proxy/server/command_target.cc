#include "proxy/server/command_target.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "scaler/providers/command_run.h"

namespace flaskscale::server {
namespace {

constexpr int kTemporaryFailure = 75;  // EX_TEMPFAIL

}  // namespace

CommandTarget::CommandTarget(std::vector<std::string> words, std::string directory)
    : words_(std::move(words)), directory_(std::move(directory)) {}

HookReply CommandTarget::deliver(const std::string& event, const std::string& id,
                                 Duration timeout) {
  using Verdict = HookReply::Verdict;
  if (cancelled_) return {Verdict::try_again, "was not begun, since this program ends", {}};
  scaler::CommandRun run;
  run.words = words_;
  run.directory = directory_;
  run.environment["FLASKSCALE_EVENT_ID"] = id;
  run.input = event + "\n";
  run.timeout = timeout;
  run.grace = std::chrono::seconds(1);
  run.most_output = 0;
  run.cancelled = &cancelled_;
  run.on_error_line = [this](std::string_view line) {
    spdlog::info("[on_event {}] {}", words_.front(), line);
  };
  const auto end = scaler::run_command(run);
  if (!end) return {Verdict::refused, end.error().detail, {}};
  if (end->status == 0) return {Verdict::delivered, {}, {}};
  const bool passing = end->status < 0 || end->status == kTemporaryFailure;
  return {passing ? Verdict::try_again : Verdict::refused, end->text(), {}};
}

}  // namespace flaskscale::server
