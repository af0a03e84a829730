#include "proxy/acme/certificate_job.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64url.h"
#include "base/text.h"
#include "proxy/acme/problem.h"
#include "proxy/acme/retry_wait.h"

namespace flaskscale::acme {
namespace {

using Json = nlohmann::json;

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

Failure nonsense(std::string_view what) {
  return {FailureKind::passing, std::string(what) + ": the directory's answer makes no sense",
          std::nullopt};
}

}  // namespace

CertificateJob::CertificateJob(std::vector<std::string> names, Store& store, ChallengeBoard& board,
                               Pace pace, Random random, WallTime now)
    : names_(std::move(names)),
      store_(store),
      board_(board),
      pace_(pace),
      random_(random),
      record_(store.record(names_.front())),
      look_(pace.first_look) {
  // A clock that was wrong when they were written must not hold things up for years.
  record_.last_order = std::min(record_.last_order, now);
  record_.next_try = std::min(record_.next_try, later(now, pace_.longest_retry_after));
  if (sorted(record_.names) != sorted(names_)) {
    const WallTime last_order = record_.last_order;
    record_ = {};
    record_.last_order = last_order;
  }
  for (const auto& [token, text] : record_.challenges) board_.put_up(token, text);
  read_certificate(now);
  WallTime start = is_under_way() ? now : renewal_;
  if (record_.failures > 0 && record_.asked_to_wait) {
    start = std::max(start, record_.next_try);
  } else if (record_.failures > 0) {
    const Duration least = record_.failures <= pace_.patient_failures
                               ? pace_.between_orders
                               : pace_.wait_after_many_starts;
    start = std::max(start, std::min(record_.next_try, later(record_.last_order, least)));
  }
  wait_until(start);
}

CertificateJob::~CertificateJob() {
  for (const auto& [token, text] : record_.challenges) board_.take_down(token);
}

// The last order's age counts for new orders only.
void CertificateJob::wait_until(WallTime time) {
  due_ = time;
  if (!is_under_way()) due_ = std::max(due_, later(record_.last_order, pace_.between_orders));
}

void CertificateJob::read_certificate(WallTime now) {
  facts_ = store_.current(names_.front());
  const std::vector<std::string> wanted = sorted(names_);
  const bool serves =
      facts_ && !facts_->is_self_issued &&
      std::includes(facts_->names.begin(), facts_->names.end(), wanted.begin(), wanted.end());
  renewal_ = serves ? renewal_of(*facts_, pace_, random_) : now;
}

JobStatus CertificateJob::status() const {
  JobStatus status;
  status.names = names_;
  status.has_certificate = facts_ && !facts_->is_self_issued;
  if (facts_) status.not_after = facts_->not_after;
  status.next = due_;
  status.under_way = is_under_way();
  status.failures = record_.failures;
  status.last_error = record_.last_error;
  return status;
}

void CertificateJob::try_soon(WallTime now) {
  if (record_.failures == 0 || record_.asked_to_wait) return;
  wait_until(std::min(due_, now));
}

std::string CertificateJob::subject() const {
  std::string text = "certificate for " + names_.front();
  if (names_.size() > 1) text += " and " + std::to_string(names_.size() - 1) + " more";
  return text;
}

void CertificateJob::keep_record() {
  if (auto kept = store_.keep_record(names_.front(), record_); !kept) {
    spdlog::error("acme: {}: {}; a restart will not know of it", subject(), kept.error().detail);
  }
}

// --- The order

CertificateJob::Outcome CertificateJob::step(WallTime now, Session& session) {
  return is_under_way() ? follow_order(now, session) : begin_order(now, session);
}

CertificateJob::Outcome CertificateJob::begin_order(WallTime now, Session& session) {
  record_.names = names_;
  record_.last_order = now;
  // Before the request: a restart must know that it may have been made.
  if (auto kept = store_.keep_record(names_.front(), record_); !kept) {
    return fail_locally(kept.error().detail, Keep::nothing, now, session);
  }
  if (auto key = store_.next_key(names_.front(), Store::NextKey::fresh); !key) {
    return fail_locally(key.error().detail, Keep::nothing, now, session);
  }
  Json identifiers = Json::array();
  for (const std::string& name : names_) {
    identifiers.push_back({{"type", "dns"}, {"value", name}});
  }
  spdlog::info("acme: {}: asking {}", subject(), session.url());
  Reply reply = session.post("new order", session.directory().new_order,
                             Json{{"identifiers", identifiers}}.dump(), now);
  if (reply.failure) {
    if (reply.failure->kind != FailureKind::refused) session.forget_directory();
    return fail(*std::move(reply.failure), Keep::nothing, now, session);
  }
  const auto order = parse_order(reply.body, session.url());
  if (!order || !is_sound_url(reply.location, session.url())) {
    return fail(nonsense("new order"), Keep::nothing, now, session);
  }
  record_.order_url = reply.location;
  keep_record();
  return act_on(*order, reply.retry_after, now, session);
}

CertificateJob::Outcome CertificateJob::follow_order(WallTime now, Session& session) {
  Reply reply = session.post("order", record_.order_url, "", now);
  if (reply.failure) {
    const bool is_lost =
        reply.failure->kind == FailureKind::gone || reply.failure->kind == FailureKind::refused;
    return fail(*std::move(reply.failure), is_lost ? Keep::nothing : Keep::order, now, session);
  }
  const auto order = parse_order(reply.body, session.url());
  if (!order) return fail(nonsense("order"), Keep::order, now, session);
  return act_on(*order, reply.retry_after, now, session);
}

CertificateJob::Outcome CertificateJob::act_on(const Order& order,
                                               const std::optional<Duration>& retry_after,
                                               WallTime now, Session& session) {
  if (!followed_since_) followed_since_ = now;
  if (order.names != sorted(names_)) {
    return fail({FailureKind::passing, "order: it is for other names", std::nullopt}, Keep::nothing,
                now, session);
  }
  switch (order.status) {
    case OrderStatus::pending:
      return answer_challenges(order, retry_after, now, session);
    case OrderStatus::ready:
      return finalize(order, now, session);
    case OrderStatus::processing:
      return look_again(retry_after, now);
    case OrderStatus::valid:
      return fetch_certificate(order, now, session);
    case OrderStatus::invalid:
      return explain_invalid(order, now, session);
  }
  return Outcome::goes_on;
}

CertificateJob::Outcome CertificateJob::answer_challenges(const Order& order,
                                                          std::optional<Duration> retry_after,
                                                          WallTime now, Session& session) {
  for (const std::string& url : order.authorizations) {
    if (done_.contains(url)) continue;
    Reply reply = session.post("authorization", url, "", now);
    if (reply.failure) {
      const bool is_lost = reply.failure->kind == FailureKind::gone;
      return fail(*std::move(reply.failure), is_lost ? Keep::nothing : Keep::order, now, session);
    }
    const auto authorization = parse_authorization(reply.body, session.url());
    if (!authorization) return fail(nonsense("authorization"), Keep::order, now, session);
    if (authorization->status == PartStatus::valid) {
      done_.insert(url);
    } else if (auto ended = answer(*authorization, now, session)) {
      return *ended;
    }
    if (reply.retry_after) {
      retry_after = std::max(retry_after.value_or(Duration::zero()), *reply.retry_after);
    }
  }
  return look_again(retry_after, now);
}

std::optional<CertificateJob::Outcome> CertificateJob::answer(const Authorization& authorization,
                                                              WallTime now, Session& session) {
  const std::string& name = authorization.name;
  if (authorization.status == PartStatus::invalid || authorization.status == PartStatus::gone) {
    Failure failure{FailureKind::refused, name + ": its authorization has run out", std::nullopt};
    if (authorization.error) {
      failure.text = name +
                     ": the directory could not validate it: " + describe(*authorization.error) +
                     hint_of(*authorization.error);
    } else if (authorization.status == PartStatus::invalid) {
      failure.text = name + ": the directory could not validate it, and does not say why";
    }
    return fail(std::move(failure), Keep::nothing, now, session);
  }
  if (!authorization.http) {
    return fail({FailureKind::refused, name + ": the directory offers no HTTP-01 challenge for it",
                 std::nullopt},
                Keep::nothing, now, session);
  }
  const Challenge& challenge = *authorization.http;
  const std::string text = challenge.token + "." + session.key().thumbprint();
  if (record_.challenges.emplace(challenge.token, text).second) {
    board_.put_up(challenge.token, text);
    keep_record();
  }
  if (challenge.status != PartStatus::pending || answered_.contains(challenge.url)) {
    return std::nullopt;
  }
  Reply reply = session.post("challenge for " + name, challenge.url, "{}", now);
  if (reply.failure) return fail(*std::move(reply.failure), Keep::order, now, session);
  answered_.insert(challenge.url);
  return std::nullopt;
}

CertificateJob::Outcome CertificateJob::finalize(const Order& order, WallTime now,
                                                 Session& session) {
  const auto key = store_.next_key(names_.front(), Store::NextKey::kept);
  if (!key) return fail_locally(key.error().detail, Keep::nothing, now, session);
  const auto request = certificate_request(*key, names_);
  if (!request) return fail_locally(request.error().detail, Keep::nothing, now, session);
  Reply reply =
      session.post("finalization", order.finalize, Json{{"csr", base64url(*request)}}.dump(), now);
  if (reply.failure && reply.failure->kind == FailureKind::not_ready) {
    return look_again(reply.failure->retry_after, now);
  }
  if (reply.failure) {
    const bool is_judged =
        reply.failure->kind == FailureKind::refused || reply.failure->kind == FailureKind::gone;
    return fail(*std::move(reply.failure), is_judged ? Keep::nothing : Keep::order, now, session);
  }
  const auto next = parse_order(reply.body, session.url());
  if (next && next->status == OrderStatus::valid) return fetch_certificate(*next, now, session);
  return look_again(reply.retry_after, now);
}

CertificateJob::Outcome CertificateJob::fetch_certificate(const Order& order, WallTime now,
                                                          Session& session) {
  Reply reply = session.post("certificate", order.certificate, "", now);
  if (reply.failure) {
    const bool is_lost =
        reply.failure->kind == FailureKind::gone || reply.failure->kind == FailureKind::refused;
    return fail(*std::move(reply.failure), is_lost ? Keep::nothing : Keep::order, now, session);
  }
  if (reply.body.find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
    return fail(nonsense("certificate"), Keep::order, now, session);
  }
  auto facts = store_.install(names_, reply.body, now);
  if (facts) return succeed(*std::move(facts), now);
  if (facts.error().code == ErrorCode::bad_message) {
    return fail({FailureKind::refused, "the certificate " + facts.error().detail, std::nullopt},
                Keep::nothing, now, session);
  }
  return fail_locally(facts.error().detail, Keep::order, now, session);
}

// The order itself often says less than the challenge that failed.
CertificateJob::Outcome CertificateJob::explain_invalid(const Order& order, WallTime now,
                                                        Session& session) {
  for (const std::string& url : order.authorizations) {
    const Reply reply = session.post("authorization", url, "", now);
    if (reply.failure) continue;
    const auto authorization = parse_authorization(reply.body, session.url());
    if (authorization && authorization->status == PartStatus::invalid) {
      return *answer(*authorization, now, session);
    }
  }
  Failure failure{FailureKind::refused, "the directory gave the order up, and does not say why",
                  std::nullopt};
  if (order.error) {
    failure.text =
        "the directory gave the order up: " + describe(*order.error) + hint_of(*order.error);
    if (kind_of(*order.error, 403) == FailureKind::rate_limited) {
      failure.kind = FailureKind::rate_limited;
    }
  }
  return fail(std::move(failure), Keep::nothing, now, session);
}

// --- How it goes on

CertificateJob::Outcome CertificateJob::look_again(const std::optional<Duration>& retry_after,
                                                   WallTime now) {
  // One that has been waited for in vain is only looked at now and then.
  const Duration patience = record_.failures == 0 ? pace_.patience : pace_.patience / 10;
  if (now - *followed_since_ > patience) {
    followed_since_.reset();
    answered_.clear();
    ++record_.failures;
    record_.asked_to_wait = retry_after.has_value();
    record_.last_error = "the directory has not decided for " + rounded(patience);
    const Failure failure{FailureKind::passing, record_.last_error, retry_after};
    record_.next_try = later(now, wait_after(failure, record_.failures, pace_, random_));
    due_ = record_.next_try;
    keep_record();
    spdlog::warn("acme: {}: {}; it is asked again in {}", subject(), record_.last_error,
                 rounded(due_ - now));
    return Outcome::failed;
  }
  due_ = later(now, retry_after ? std::min(*retry_after, pace_.patience) : look_);
  look_ = std::min(look_ * 2, pace_.longest_look);
  return Outcome::goes_on;
}

CertificateJob::Outcome CertificateJob::succeed(CertificateFacts facts, WallTime now) {
  forget_order();
  record_.failures = 0;
  record_.asked_to_wait = false;
  record_.next_try = {};
  record_.last_error.clear();
  keep_record();
  facts_ = std::move(facts);
  renewal_ = renewal_of(*facts_, pace_, random_);
  wait_until(renewal_);
  spdlog::info("acme: {}: it is there, good for {}, to be renewed in {}", subject(),
               rounded(facts_->not_after - now), rounded(due_ - now));
  return Outcome::issued;
}

void CertificateJob::forget_order() {
  record_.order_url.clear();
  followed_since_.reset();
  look_ = pace_.first_look;
  done_.clear();
  answered_.clear();
  for (const auto& [token, text] : record_.challenges) board_.take_down(token);
  record_.challenges.clear();
}

CertificateJob::Outcome CertificateJob::fail(Failure failure, Keep keep, WallTime now,
                                             Session& session) {
  if (failure.kind == FailureKind::cancelled) {
    wait_until(later(now, pace_.first_wait));
    return Outcome::goes_on;
  }
  if (failure.kind == FailureKind::account_unknown) {
    session.forget_account();
    keep = Keep::nothing;
  }
  if (keep == Keep::nothing) forget_order();
  followed_since_.reset();
  ++record_.failures;
  record_.asked_to_wait =
      failure.kind == FailureKind::rate_limited || failure.retry_after.has_value();
  record_.last_error = failure.text;
  record_.next_try = later(now, wait_after(failure, record_.failures, pace_, random_));
  wait_until(record_.next_try);
  keep_record();
  const bool has_old = facts_ && !facts_->is_self_issued;
  std::string meanwhile = "a self-signed stand-in serves meanwhile";
  if (has_old) {
    meanwhile = facts_->not_after > now
                    ? "the old one is good for " + rounded(facts_->not_after - now)
                    : std::string("the old one has run out");
  }
  spdlog::warn("acme: {}: {}; the next try is in {}, {}", subject(), failure.text,
               rounded(due_ - now), meanwhile);
  return Outcome::failed;
}

CertificateJob::Outcome CertificateJob::fail_locally(const std::string& text, Keep keep,
                                                     WallTime now, Session& session) {
  return fail({FailureKind::local, text, std::nullopt}, keep, now, session);
}

}  // namespace flaskscale::acme
