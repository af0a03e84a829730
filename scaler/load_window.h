// The recent past of a pool's load: rates, service time and mean work in flight.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"
#include "scaler/load_sample.h"

namespace flaskscale::scaler {

// Turns cumulative samples into the law's signals. Pure: time comes with each sample.
class LoadWindow {
 public:
  enum class Step : uint8_t {
    measured,  // a rate was taken from this sample and the one before
    baseline,  // the first sample, or one after which differences mean nothing: estimates stay
    unknown,   // nothing was heard (coverage 0): estimates stay
    jumped,    // time ran backwards or stood out for over ten minutes: estimates stay
  };
  Step add(const LoadSample& sample, double service_time_estimate, Time now);

  double fast_rate() const { return fast_; }  // lf, arrivals/s
  double slow_rate() const { return slow_; }  // ls
  double arrival_rate() const { return fast_ > slow_ ? fast_ : slow_; }
  // S, seconds; `service_time_estimate` until enough requests have ended. Positive.
  double service_time() const { return service_time_; }
  bool service_time_is_measured() const { return measured_; }
  // aR: mean number in flight over the last 30 s.
  double mean_in_flight() const { return mean_in_flight_; }

 private:
  struct Piece {  // differences between two samples
    Time at;
    double seconds;
    double dispatched;
    double completions;
    double holding_seconds;
    double in_flight_seconds;
  };
  void add_rates(double arrivals, double seconds, bool may_fall);
  void add_piece(const LoadSample& sample, double seconds, Time now);
  void update_service_time(bool queue_is_empty, double seconds, Time now);

  std::optional<LoadSample> last_;
  Time last_at_{};
  std::deque<Piece> pieces_;  // oldest first, at most kHorizon and kMaxPieces
  double fast_ = 0;
  double slow_ = 0;
  double service_time_ = 0;
  bool measured_ = false;
  double mean_in_flight_ = 0;
};

}  // namespace flaskscale::scaler
