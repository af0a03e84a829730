#include "proxy/server/pool_hooks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proxy/server/command_target.h"
#include "proxy/server/event_json.h"
#include "proxy/server/webhook_target.h"
#include "scaler/providers/curl_http_client.h"

namespace flaskscale::server {
namespace {

constexpr Duration kPatienceWithOneThatGoes = std::chrono::seconds(30);

HookTimes times_of(const config::HookModel& hook) {
  HookTimes times;
  if (!hook.command.empty()) times.timeout = std::chrono::seconds(30);
  return times;
}

}  // namespace

PoolHooks::PoolHooks(std::string source, MakeTarget make_target, Random random)
    : source_(std::move(source)),
      make_target_(std::move(make_target)),
      random_(random),
      run_(fmt::format("{:016x}", random_.next())) {}

void PoolHooks::apply(const std::vector<config::HookModel>& hooks) {
  std::vector<Hook> next;
  for (const config::HookModel& model : hooks) {
    const auto same = std::find_if(hooks_.begin(), hooks_.end(), [&](const Hook& hook) {
      return hook.hook != nullptr && hook.model == model;
    });
    if (same != hooks_.end()) {
      next.push_back({model, std::move(same->hook)});
    } else {
      next.push_back({model, std::make_unique<EventHook>(make_target_(model), counts_,
                                                         Random(random_.next()), times_of(model))});
    }
  }
  for (Hook& hook : hooks_) {
    if (hook.hook == nullptr) continue;
    hook.hook->finish(kPatienceWithOneThatGoes);
    leaving_.push_back(std::move(hook.hook));
  }
  hooks_ = std::move(next);
}

void PoolHooks::on_event(const scaler::Event& event) {
  if (hooks_.empty()) return;
  const std::string id = run_ + "-" + std::to_string(++last_number_);
  const auto message = std::make_shared<const EventHook::Message>(
      EventHook::Message{id, render_event(event, id, source_)});
  for (const Hook& hook : hooks_) hook.hook->push(message);
}

void PoolHooks::finish(Duration patience) {
  for (const Hook& hook : hooks_) hook.hook->finish(patience);
  for (const auto& hook : leaving_) hook->finish(patience);
}

bool PoolHooks::is_finished() {
  std::erase_if(leaving_, [](const auto& hook) { return hook->is_finished(); });
  return leaving_.empty() && std::all_of(hooks_.begin(), hooks_.end(),
                                         [](const Hook& hook) { return hook.hook->is_finished(); });
}

std::unique_ptr<HookTarget> make_hook_target(const config::HookModel& hook) {
  if (!hook.command.empty()) return std::make_unique<CommandTarget>(hook.command, hook.directory);
  return std::make_unique<WebhookTarget>(hook.url, std::make_unique<scaler::CurlHttpClient>());
}

}  // namespace flaskscale::server
