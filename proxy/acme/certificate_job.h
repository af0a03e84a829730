// One certificate: asked for step by step, renewed in time, tried again after failures.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "proxy/acme/challenge_board.h"
#include "proxy/acme/failure.h"
#include "proxy/acme/messages.h"
#include "proxy/acme/session.h"
#include "proxy/acme/settings.h"
#include "proxy/acme/store.h"

namespace flaskscale::acme {

struct JobStatus {
  std::vector<std::string> names;
  bool has_certificate = false;  // from the directory; else a stand-in serves
  WallTime not_after{};          // of what serves
  WallTime next{};               // when something happens next
  bool under_way = false;        // an order is
  unsigned failures = 0;         // in a row
  std::string last_error;        // empty: the last order went well
};

// A state machine that is driven by step(): what it does next follows from what the directory says
// the order's state is, so that it can begin anywhere. What must survive a restart is in the store.
// One thread.
class CertificateJob {
 public:
  // The store and the board must outlive it.
  CertificateJob(std::vector<std::string> names, Store& store, ChallengeBoard& board, Pace pace,
                 Random random, WallTime now);
  ~CertificateJob();
  CertificateJob(const CertificateJob&) = delete;
  CertificateJob& operator=(const CertificateJob&) = delete;

  const std::vector<std::string>& names() const { return names_; }
  // When step() has something to do.
  WallTime due() const { return due_; }
  bool is_under_way() const { return !record_.order_url.empty(); }
  // It is, and does not rest after a failure.
  bool is_followed() const { return is_under_way() && followed_since_.has_value(); }
  JobStatus status() const;

  // An operator asks not to wait after failures; what the directory asked for stays.
  void try_soon(WallTime now);

  enum class Outcome : uint8_t { goes_on, issued, failed };
  // The session is open. Makes a few requests.
  Outcome step(WallTime now, Session& session);

 private:
  enum class Keep : uint8_t { order, nothing };

  void read_certificate(WallTime now);
  Outcome begin_order(WallTime now, Session& session);
  Outcome follow_order(WallTime now, Session& session);
  Outcome act_on(const Order& order, const std::optional<Duration>& retry_after, WallTime now,
                 Session& session);
  Outcome answer_challenges(const Order& order, std::optional<Duration> retry_after, WallTime now,
                            Session& session);
  // None: it goes on.
  std::optional<Outcome> answer(const Authorization& authorization, WallTime now, Session& session);
  Outcome finalize(const Order& order, WallTime now, Session& session);
  Outcome fetch_certificate(const Order& order, WallTime now, Session& session);
  Outcome explain_invalid(const Order& order, WallTime now, Session& session);
  Outcome look_again(const std::optional<Duration>& retry_after, WallTime now);
  Outcome succeed(CertificateFacts facts, WallTime now);
  Outcome fail(Failure failure, Keep keep, WallTime now, Session& session);
  Outcome fail_locally(const std::string& text, Keep keep, WallTime now, Session& session);
  void forget_order();
  void wait_until(WallTime time);
  void keep_record();
  std::string subject() const;

  const std::vector<std::string> names_;
  Store& store_;
  ChallengeBoard& board_;
  const Pace pace_;
  Random random_;

  OrderRecord record_;
  std::optional<CertificateFacts> facts_;  // of what serves
  WallTime renewal_{};
  WallTime due_{};
  // Of the order under way.
  std::optional<WallTime> followed_since_;
  // The wait until the next look. Where it was waited for in vain it stays the longest.
  Duration look_;
  std::set<std::string> done_;      // authorizations that are valid
  std::set<std::string> answered_;  // challenges that the directory was told to look at
};

}  // namespace flaskscale::acme
