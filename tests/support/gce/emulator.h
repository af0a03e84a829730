// The emulator as its callers see it: four ports, one clock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/time.h"
#include "tests/support/gce/cloud.h"
#include "tests/support/gce/control_api.h"
#include "tests/support/gce/metadata_api.h"
#include "tests/support/gce/token_api.h"
#include "tests/support/gce/web_message.h"

namespace flaskscale::emulator {

enum class Port : uint8_t { api, metadata, token, control };

// What becomes of a response on its way.
enum class Cut : uint8_t { none, refuse, reset, hang, truncate };

// A request that has been acted on and whose response is on its way.
struct Exchange {
  double due = 0;  // simulated seconds
  Cut cut = Cut::none;
  WebReply reply;
  std::function<bool()> early;      // set: the response may come before it is due
  std::function<WebReply()> renew;  // set: the response is made when it leaves
};

// The host is borrowed. Any thread, except for cloud().
class Emulator {
 public:
  // A steady clock's time and a calendar for callers in the same process: both begin here and grow
  // with the simulated time.
  static constexpr Time kSteadyBegin{std::chrono::hours(1'000)};
  static constexpr double kWallBegin = 1'790'000'000;

  Emulator(Settings settings, std::shared_ptr<const Discovery> discovery, MachineHost& host,
           double wall_base = kWallBegin);

  // Acts. The response leaves when is_ready(), or never.
  Exchange begin(Port port, const WebRequest& request);
  bool is_ready(const Exchange& exchange);
  WebReply finish(Exchange& exchange);

  void advance(double seconds);
  double now();
  Time steady();
  WallTime wall();

  // One thread only, or while nothing else calls.
  Cloud& cloud() { return cloud_; }
  void expect_key(std::shared_ptr<const ServiceAccountKey> key, std::string issuer);
  // A call to the control port as a function; the body of its response.
  Json control(const std::string& verb, const std::string& path, const Json& body = {});

 private:
  Exchange begin_api(const WebRequest& request, CallRecord& record);
  Exchange act(const WebRequest& request, const ApiUrl& url, ApiCall call, CallRecord& record);
  Exchange begin_metadata(const WebRequest& request, CallRecord& record);
  Exchange begin_token(const WebRequest& request, CallRecord& record);
  std::optional<ApiError> check_caller(const WebRequest& request, const ApiUrl& url,
                                       const ApiCall& call);
  WebReply render(const ApiMethod* method, const ApiUrl& url, ApiAnswer answer);
  WebReply refuse(const WebRequest& request, const ApiUrl& url, const ApiError& error);
  // The faults of transport and HTTP that come before the call is acted on; none: go on.
  std::optional<Exchange> before(const FaultHits& hits);
  void after(const FaultHits& hits, Exchange& exchange);

  std::mutex mutex_;
  Cloud cloud_;
  MetadataApi metadata_;
  TokenApi token_;
  ControlApi control_;
  uint64_t rendered_ = 0;
};

}  // namespace flaskscale::emulator
