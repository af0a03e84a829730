// Events to a command: one run each, with the event on its standard input.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "proxy/server/hook_target.h"

namespace flaskscale::server {

// It gets the event as one line, and FLASKSCALE_EVENT_ID. Exit status 0: delivered; 75, a time-out
// or a signal: tried again; anything else: refused. Its standard error is logged.
class CommandTarget final : public HookTarget {
 public:
  // It runs in `directory`.
  CommandTarget(std::vector<std::string> words, std::string directory);

  HookReply deliver(const std::string& event, const std::string& id, Duration timeout) override;
  void cancel() override { cancelled_ = true; }
  std::string name() const override { return words_.front(); }

 private:
  const std::vector<std::string> words_;
  const std::string directory_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace flaskscale::server
