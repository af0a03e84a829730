// A directory in memory that keeps RFC 8555 strictly and can be told to fail at any step.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "proxy/acme/challenge_board.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::acme {

class FakeBoard final : public ChallengeBoard {
 public:
  void put_up(const std::string& token, const std::string& answer) override {
    entries[token] = answer;
  }
  void take_down(const std::string& token) override { entries.erase(token); }
  std::string look(const std::string& token) const {
    const auto found = entries.find(token);
    return found == entries.end() ? "" : found->second;
  }
  std::map<std::string, std::string> entries;
};

enum class Stage {
  directory,
  nonce,
  account,
  order,
  authorization,
  challenge,
  look,
  finalize,
  certificate
};

class FakeDirectory final : public scaler::HttpClient {
 public:
  static constexpr const char* kUrl = "https://ca.test/dir";
  using Answer = Result<scaler::HttpResponse>;
  // Absent: the request is treated as it should be.
  using Fault = std::function<std::optional<Answer>(Stage stage, const scaler::HttpRequest&)>;

  // What an authority finds where the token leads to; empty: nothing.
  using Look = std::function<std::string(const std::string& token)>;

  explicit FakeDirectory(Look look);
  ~FakeDirectory() override;

  Result<scaler::HttpResponse> send(const scaler::HttpRequest& request) override;

  // What the next certificates are like.
  Duration life = std::chrono::hours(24 * 90);
  std::vector<std::string> extra_names;
  // How many looks at an authorization or a finalized order find it undecided.
  int slowness = 1;
  std::set<std::string> refused_names;  // can't be validated
  std::set<std::string> proven_names;   // need no challenge any more
  Fault fault;
  // The clock, which the test turns.
  WallTime now{std::chrono::milliseconds(1'800'000'000'000)};

  // What came.
  std::vector<std::pair<Stage, WallTime>> requests;
  std::vector<WallTime> order_times;
  std::vector<std::string> account_payloads;
  int refused_nonces = 0;
  int accounts = 0;
  // Loses all that it knows.
  void forget_everything();

  size_t count(Stage stage) const;

 private:
  struct Part {
    std::string name;
    std::string token;
    std::string status = "pending";
    int looks = -1;  // until it is decided; -1: nobody has asked for it
  };
  struct Order {
    std::vector<std::string> names;
    std::vector<size_t> parts;
    std::string status = "pending";
    std::string certificate;
    int looks = -1;
    std::string error;
  };
  struct Authority;  // OpenSSL's

  Stage stage_of(const std::string& url) const;
  Answer treat(Stage stage, const scaler::HttpRequest& request);
  Answer treat_post(Stage stage, const scaler::HttpRequest& request);
  Answer make_account(const std::string& payload, const std::string& head);
  Answer make_order(const std::string& payload);
  Answer show_part(size_t number, const std::string& payload);
  Answer show_order(size_t number);
  Answer finalize(size_t number, const std::string& payload);
  void decide(Part& part);
  void refresh(Order& order);
  std::string text_of(const Part& part, size_t number) const;
  std::string text_of(const Order& order, size_t number) const;
  std::string fresh_nonce();
  Answer answer(int status, std::string body, std::string location = "");

  const Look look_;
  std::unique_ptr<Authority> authority_;
  std::set<std::string> nonces_;
  unsigned long next_nonce_ = 0;
  std::set<std::string> known_accounts_;
  std::vector<Part> parts_;
  std::vector<Order> orders_;
};

scaler::HttpResponse problem_response(int status, const std::string& type,
                                      const std::string& detail = "because",
                                      const std::string& retry_after = "");

}  // namespace flaskscale::acme
