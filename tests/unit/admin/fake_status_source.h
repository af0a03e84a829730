// A StatusSource with values that a test chooses.
#pragma once

#include <string>
#include <vector>

#include "proxy/admin/status_model.h"

namespace flaskscale::admin {

class FakeStatusSource final : public StatusSource {
 public:
  // A server with the pools "demo" (scaled, two backends, some traffic) and "plain" (static, no
  // traffic).
  FakeStatusSource();

  ServerStatus status() override { return server; }
  ServerState state() override { return server.state; }
  std::optional<std::vector<DecisionEntry>> decisions(std::string_view pool) override;
  Result<BackendChange> drain(std::string_view pool, std::string_view address) override;
  Result<BackendChange> undrain(std::string_view pool, std::string_view address) override;

  ServerStatus server;
  std::vector<std::string> calls;  // "drain demo 127.0.0.1:5001"
  std::optional<Error> next_error;

 private:
  Result<BackendChange> change(std::string_view what, std::string_view pool,
                               std::string_view address, std::string_view state);
};

DecisionEntry sample_decision();

}  // namespace flaskscale::admin
