// Talks with one directory: its resources, nonces, signed requests and the account.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "proxy/acme/failure.h"
#include "proxy/acme/messages.h"
#include "proxy/acme/openssl_key.h"
#include "proxy/acme/settings.h"
#include "scaler/providers/http_client.h"

namespace flaskscale::acme {

struct Account {
  std::string url;    // what the directory calls it; empty: none yet
  std::string email;  // that it was told
  bool operator==(const Account&) const = default;
};

struct Reply {
  std::string body;
  std::string location;
  std::optional<Duration> retry_after;
  std::optional<Failure> failure;  // absent: it went well
};

// "120" or a date (RFC 9110, 5.6.7); none: nonsense, or no time at all.
std::optional<Duration> parse_retry_after(std::string_view text, WallTime now, Duration longest);

// Blocks in every call; one thread at a time. The client must outlive it.
class Session {
 public:
  static constexpr unsigned kMostNonces = 20;  // refused in a row for one request

  Session(DirectorySettings settings, Pace pace, Key account_key, Account account,
          scaler::HttpClient& client);

  // Fetches the directory and makes the account, as far as that has not been done.
  std::optional<Failure> open(WallTime now);
  // The directory does not know the account: the next open() makes it anew, with the same key.
  void forget_account() { account_.url.clear(); }
  // Perhaps it has moved.
  void forget_directory() { directory_.reset(); }

  const Account& account() const { return account_; }
  const Key& key() const { return key_; }
  const std::string& url() const { return settings_.url; }
  // open() went well.
  const Directory& directory() const { return *directory_; }

  // `what` names the request in messages. An empty payload fetches (POST-as-GET).
  Reply post(std::string_view what, const std::string& url, std::string_view payload, WallTime now);

 private:
  std::optional<Failure> fetch_directory(WallTime now);
  std::optional<Failure> make_account(WallTime now);
  void change_contact(WallTime now);
  std::optional<Failure> fetch_nonce(WallTime now);
  std::string contact() const;
  Failure failure_of(std::string_view what, const Error& error) const;
  Failure failure_of(std::string_view what, const scaler::HttpResponse& response,
                     WallTime now) const;

  const DirectorySettings settings_;
  const Pace pace_;
  const Key key_;
  Account account_;
  scaler::HttpClient& client_;
  std::optional<Directory> directory_;
  std::string nonce_;  // empty: one has to be fetched
};

}  // namespace flaskscale::acme
