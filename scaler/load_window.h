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

  // The counters start anew with the next sample; what was learned stays.
  void forget_counters() { last_.reset(); }
  // Of the past only the service time stays, which belongs to the application; the rates don't.
  void forget_rates();

  double fast_rate() const { return fast_; }  // lf, arrivals/s
  double slow_rate() const { return slow_; }  // ls
  double arrival_rate() const { return fast_ > slow_ ? fast_ : slow_; }
  // S, seconds; `service_time_estimate` until enough requests have ended. Positive.
  double service_time() const { return service_time_; }
  bool service_time_is_measured() const { return measured_; }
  // aR: mean number in flight over the last 30 s.
  double mean_in_flight() const { return mean_in_flight_; }
  // The same since a request last waited: while requests wait, and while what waited is served, all
  // slots are taken, whatever the load is. Until nobody waits it stays as it was before.
  double calm_in_flight() const { return calm_in_flight_; }
  // Of the last 30 s: completions per second, and the mean holding time of these (0: none), which
  // unlike the service time follows a stalled backend at once.
  double completion_rate() const { return completion_rate_; }
  double mean_holding_time() const { return mean_holding_; }
  // What the last measured sample added.
  double last_arrivals() const { return last_arrivals_; }
  double last_seconds() const { return last_seconds_; }

  template <typename Visitor>
  void visit(Visitor& visitor) {
    visitor.field("last", last_);
    visitor.field("last_at", last_at_);
    visitor.field("pieces", pieces_);
    visitor.field("totals", totals_);
    visitor.field("recent", recent_);
    visitor.field("enough", enough_);
    visitor.field("calm", calm_);
    visitor.field("fast", fast_);
    visitor.field("slow", slow_);
    visitor.field("service_time", service_time_);
    visitor.field("measured", measured_);
    visitor.field("mean_in_flight", mean_in_flight_);
    visitor.field("calm_in_flight", calm_in_flight_);
    visitor.field("completion_rate", completion_rate_);
    visitor.field("mean_holding", mean_holding_);
  }
  bool settle() const;

 private:
  struct Totals {  // of all pieces so far
    double seconds = 0;
    double dispatched = 0;
    double completions = 0;
    double holding_seconds = 0;
    double in_flight_seconds = 0;
    template <typename Visitor>
    void visit(Visitor& visitor) {
      visitor.field("s", seconds);
      visitor.field("d", dispatched);
      visitor.field("c", completions);
      visitor.field("h", holding_seconds);
      visitor.field("r", in_flight_seconds);
    }
    bool settle() const { return seconds >= 0 && dispatched >= 0 && completions >= 0; }
  };
  struct Piece {  // what lies between two samples
    Time at{};    // of the later one
    Totals before;
    template <typename Visitor>
    void visit(Visitor& visitor) {
      visitor.field("at", at);
      visitor.field("before", before);
    }
    bool settle() const { return true; }
  };
  void add_rates(double arrivals, double seconds, bool may_fall);
  void add_piece(const LoadSample& sample, double seconds, Time now);
  void move_windows(bool nobody_waited, Time now);
  void update_service_time(bool queue_is_empty, double seconds);
  Totals since(size_t piece) const;
  void clear_pieces();

  std::optional<LoadSample> last_;
  Time last_at_{};
  std::deque<Piece> pieces_;  // oldest first, at most ten minutes and kMaxPieces
  Totals totals_;
  size_t recent_ = 0;  // the first piece of the last 30 s
  size_t enough_ = 0;  // <= recent_; the last from which on enough requests ended, or 0
  size_t calm_ = 0;    // the first piece of the last 30 s since a request waited; may be the end
  double fast_ = 0;
  double slow_ = 0;
  double service_time_ = 0;
  bool measured_ = false;
  double mean_in_flight_ = 0;
  double calm_in_flight_ = 0;
  double completion_rate_ = 0;
  double mean_holding_ = 0;
  double last_arrivals_ = 0;
  double last_seconds_ = 0;
};

}  // namespace flaskscale::scaler
