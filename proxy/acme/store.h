// The files of one directory: account, certificates, and how far their orders have come.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "proxy/acme/openssl_certificate.h"
#include "proxy/acme/openssl_key.h"
#include "proxy/acme/session.h"

namespace flaskscale::acme {

// What outlives a restart of a certificate's order.
struct OrderRecord {
  std::vector<std::string> names;  // that the order is for
  std::string order_url;           // empty: none is under way
  // What the directory may look for at any time, also just after a restart: answers by token.
  std::map<std::string, std::string> challenges;
  WallTime last_order{};       // when the last was asked for
  unsigned failures = 0;       // in a row
  bool asked_to_wait = false;  // by the directory, after the last of them
  WallTime next_try{};
  std::string last_error;
  bool operator==(const OrderRecord&) const = default;
};

// Until when nothing is asked of the directory at all.
struct Hold {
  WallTime until{};
  bool asked_to_wait = false;  // by the directory
  bool operator==(const Hold&) const = default;
};

// Any thread. A certificate is found by the first of its names; `names` are valid domain names.
// What is replaced is replaced whole: a reader, or a restart, finds the old or the new.
class Store {
 public:
  // `folder`: directory_folder().
  explicit Store(std::string folder) : folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }

  // Made when there is none. One that can't be read is an error: it may be the way to certificates.
  Result<Key> account_key();
  // What was kept for another directory of the same host counts as none.
  Account account(std::string_view directory_url);
  Result<void> keep_account(std::string_view directory_url, const Account& account);

  // Likewise; none is one that is over.
  Hold hold(std::string_view directory_url);
  Result<void> keep_hold(std::string_view directory_url, const Hold& hold);

  // There is something to serve afterwards: what is there already, if it is a certificate with its
  // key; else a self-signed stand-in, which is also made anew when its time or its names are over.
  Result<void> ensure_pair(const std::vector<std::string>& names, WallTime now);
  // None: nothing that could be served.
  std::optional<CertificateFacts> current(const std::string& name);

  // The key for the certificate that is being asked for.
  enum class NextKey : uint8_t { fresh, kept };
  Result<Key> next_key(const std::string& name, NextKey which);
  // The chain belongs to the kept next key, is for all the names, and is in force: now it and the
  // key take the place of those before. `bad_message`: it is not so.
  Result<CertificateFacts> install(const std::vector<std::string>& names,
                                   const std::string& chain_pem, WallTime now);

  // What is not there or not readable is an empty one.
  OrderRecord record(const std::string& name);
  Result<void> keep_record(const std::string& name, const OrderRecord& record);

 private:
  std::string path_of(const std::string& name, std::string_view file) const;
  std::optional<CertificateFacts> read(const std::string& name) const;
  void complete_install(const std::string& name) const;

  const std::string folder_;
  std::mutex mutex_;  // one writer or reader of several files at a time
};

}  // namespace flaskscale::acme
