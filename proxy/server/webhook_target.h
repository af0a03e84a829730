// Events to an HTTP server: one POST each.
#pragma once

#include <memory>
#include <string>

#include "proxy/server/hook_target.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::server {

// 2xx: delivered. 408, 425, 429, 5xx and no answer: tried again, not before Retry-After. Anything
// else: refused.
class WebhookTarget final : public HookTarget {
 public:
  WebhookTarget(std::string url, std::unique_ptr<scaler::HttpClient> client);

  HookReply deliver(const std::string& event, const std::string& id, Duration timeout) override;
  void cancel() override { client_->cancel(); }
  std::string name() const override;

 private:
  const std::string url_;
  const std::unique_ptr<scaler::HttpClient> client_;
};

}  // namespace flaskscale::server
