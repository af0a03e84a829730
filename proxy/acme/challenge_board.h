// Where the answers to HTTP-01 challenges are put up for the directory to read.
#pragma once

#include <string>

namespace flaskscale::acme {

// Called by the thread that talks to the directory; read by those that serve.
class ChallengeBoard {
 public:
  virtual ~ChallengeBoard() = default;
  // GET /.well-known/acme-challenge/<token> on port 80 answers `answer` from now on.
  virtual void put_up(const std::string& token, const std::string& answer) = 0;
  virtual void take_down(const std::string& token) = 0;
};

}  // namespace flaskscale::acme
