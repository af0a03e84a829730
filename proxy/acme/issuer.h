// All certificates of one directory: whose turn it is, and the account.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "proxy/acme/certificate_job.h"
#include "proxy/acme/challenge_board.h"
#include "proxy/acme/session.h"
#include "proxy/acme/settings.h"
#include "proxy/acme/store.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::acme {

struct IssuerCounts {
  uint64_t issued = 0;
  uint64_t failed = 0;  // tries
};

// One thread, which may block in step().
class Issuer {
 public:
  // Store, board and client must outlive it.
  Issuer(DirectorySettings settings, Pace pace, Store& store, ChallengeBoard& board,
         scaler::HttpClient& client, Random random);

  // What is wanted from now on, each by its names; the first names are all different.
  void want(const std::vector<std::vector<std::string>>& certificates, WallTime now);
  // An operator asks not to wait after failures.
  void try_soon(WallTime now);
  // Does what is most due, if anything is. Returns when to come again.
  WallTime step(WallTime now);

  std::vector<JobStatus> status() const;
  const IssuerCounts& counts() const { return counts_; }

 private:
  CertificateJob* most_due() const;
  void plan_anew(WallTime now);
  // The session is open afterwards; else the time of the next try.
  std::optional<WallTime> open_session(WallTime now);
  WallTime hold(const Failure& failure, WallTime now);
  void keep_hold(Hold hold);
  void keep_account();

  const DirectorySettings settings_;
  const Pace pace_;
  Store& store_;
  ChallengeBoard& board_;
  scaler::HttpClient& client_;
  Random random_;
  std::map<std::string, std::unique_ptr<CertificateJob>> jobs_;  // by first name
  std::vector<std::vector<std::string>> wanted_;
  WallTime last_step_{};
  std::unique_ptr<Session> session_;
  Account kept_account_;  // as the store has it
  // The directory or the account can't be had: nobody is served until then.
  unsigned failures_ = 0;
  Hold hold_;
  std::string hold_reason_;  // empty: it is not held
  IssuerCounts counts_;
};

}  // namespace flaskscale::acme
