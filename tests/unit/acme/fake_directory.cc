#include "tests/unit/acme/fake_directory.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64url.h"
#include "proxy/acme/openssl_key.h"

namespace flaskscale::acme {
namespace {

using Json = nlohmann::json;

constexpr const char* kBase = "https://ca.test/";

Json decoded(const Json& json, const char* key) {
  return Json::parse(*from_base64url(json.at(key).get<std::string>()), nullptr, false);
}

size_t number_in(const std::string& url) {
  return std::stoul(url.substr(url.find_first_of("0123456789")));
}

}  // namespace

struct FakeDirectory::Authority {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  ~Authority() { EVP_PKEY_free(key); }

  std::string issue(const std::string& csr, const std::vector<std::string>& extra, WallTime from,
                    Duration lasting) const {
    const auto* at = reinterpret_cast<const unsigned char*>(csr.data());
    X509_REQ* const request = d2i_X509_REQ(nullptr, &at, static_cast<long>(csr.size()));
    if (request == nullptr) return {};
    EVP_PKEY* const subject_key = X509_REQ_get0_pubkey(request);
    if (X509_REQ_verify(request, subject_key) != 1) {
      X509_REQ_free(request);
      return {};
    }
    X509* const made = X509_new();
    X509_set_version(made, 2);
    const auto seconds = [](WallTime time) {
      return static_cast<time_t>(time.time_since_epoch().count() / 1000);
    };
    ASN1_TIME_set(X509_getm_notBefore(made), seconds(from));
    ASN1_TIME_set(X509_getm_notAfter(made),
                  seconds(from + std::chrono::duration_cast<std::chrono::milliseconds>(lasting)));
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(made), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("Test authority"), -1, -1, 0);
    X509_set_pubkey(made, subject_key);
    STACK_OF(X509_EXTENSION)* const extensions = X509_REQ_get_extensions(request);
    for (int i = 0; extra.empty() && i < sk_X509_EXTENSION_num(extensions); ++i) {
      X509_add_ext(made, sk_X509_EXTENSION_value(extensions, i), -1);
    }
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    std::string list;
    for (const std::string& name : extra) list += (list.empty() ? "DNS:" : ",DNS:") + name;
    if (!list.empty()) {
      X509_EXTENSION* const names =
          X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, list.c_str());
      X509_add_ext(made, names, -1);
      X509_EXTENSION_free(names);
    }
    X509_sign(made, key, EVP_sha256());
    BIO* const bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, made);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string pem(data, static_cast<size_t>(size));
    BIO_free(bio);
    X509_free(made);
    X509_REQ_free(request);
    return pem;
  }
};

scaler::HttpResponse problem_response(int status, const std::string& type,
                                      const std::string& detail, const std::string& retry_after) {
  scaler::HttpResponse response;
  response.status = status;
  response.body =
      Json{{"type", "urn:ietf:params:acme:error:" + type}, {"detail", detail}, {"status", status}}
          .dump();
  if (!retry_after.empty()) response.headers.emplace_back("retry-after", retry_after);
  return response;
}

FakeDirectory::FakeDirectory(Look look)
    : look_(std::move(look)), authority_(std::make_unique<Authority>()) {}

FakeDirectory::~FakeDirectory() = default;

void FakeDirectory::forget_everything() {
  known_accounts_.clear();
  parts_.clear();
  orders_.clear();
}

size_t FakeDirectory::count(Stage stage) const {
  return static_cast<size_t>(std::count_if(requests.begin(), requests.end(),
                                           [&](const auto& one) { return one.first == stage; }));
}

std::string FakeDirectory::fresh_nonce() {
  std::string nonce = "nonce" + std::to_string(next_nonce_++);
  nonces_.insert(nonce);
  return nonce;
}

FakeDirectory::Answer FakeDirectory::answer(int status, std::string body, std::string location) {
  scaler::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  response.headers.emplace_back("replay-nonce", fresh_nonce());
  if (!location.empty()) response.headers.emplace_back("location", std::move(location));
  return response;
}

Stage FakeDirectory::stage_of(const std::string& url) const {
  const std::string path = url.substr(std::string(kBase).size());
  if (path == "dir") return Stage::directory;
  if (path == "new-nonce") return Stage::nonce;
  if (path == "new-account" || path.starts_with("account")) return Stage::account;
  if (path == "new-order") return Stage::order;
  if (path.starts_with("authz")) return Stage::authorization;
  if (path.starts_with("challenge")) return Stage::challenge;
  if (path.starts_with("finalize")) return Stage::finalize;
  if (path.starts_with("certificate")) return Stage::certificate;
  return Stage::look;
}

Result<scaler::HttpResponse> FakeDirectory::send(const scaler::HttpRequest& request) {
  const Stage stage = stage_of(request.url);
  requests.emplace_back(stage, now);
  if (stage == Stage::order) order_times.push_back(now);
  if (fault) {
    if (auto bad = fault(stage, request)) {
      if (*bad) (*bad)->headers.emplace_back("replay-nonce", fresh_nonce());
      return *std::move(bad);
    }
  }
  return treat(stage, request);
}

FakeDirectory::Answer FakeDirectory::treat(Stage stage, const scaler::HttpRequest& request) {
  if (stage == Stage::directory) {
    const std::string base = kBase;
    return answer(200, Json{{"newNonce", base + "new-nonce"},
                            {"newAccount", base + "new-account"},
                            {"newOrder", base + "new-order"},
                            {"meta", {{"termsOfService", base + "terms"}}}}
                           .dump());
  }
  if (stage == Stage::nonce) return answer(200, "");
  return treat_post(stage, request);
}

FakeDirectory::Answer FakeDirectory::treat_post(Stage stage, const scaler::HttpRequest& request) {
  const Json body = Json::parse(request.body, nullptr, false);
  if (request.method != "POST" || !body.is_object()) return problem_response(400, "malformed");
  const Json head = decoded(body, "protected");
  const std::string payload = *from_base64url(body.at("payload").get<std::string>());
  if (nonces_.erase(head.at("nonce").get<std::string>()) == 0) {
    ++refused_nonces;
    auto bad = problem_response(400, "badNonce");
    bad.headers.emplace_back("replay-nonce", fresh_nonce());
    return bad;
  }
  const bool is_new_account = request.url == std::string(kBase) + "new-account";
  const bool sound = head.at("alg") == "ES256" && head.at("url") == request.url &&
                     head.contains("jwk") == is_new_account &&
                     head.contains("kid") != is_new_account;
  if (!sound) return problem_response(400, "malformed", "head of the signature");
  if (is_new_account) return make_account(payload, head.at("jwk").dump());
  if (!known_accounts_.contains(head.at("kid").get<std::string>())) {
    return problem_response(400, "accountDoesNotExist");
  }
  if (stage == Stage::account) {
    account_payloads.push_back(payload);
    return answer(200, "{}");
  }
  if (stage == Stage::order) return make_order(payload);
  const size_t number = number_in(request.url);
  const bool is_part = stage == Stage::authorization || stage == Stage::challenge;
  if (number >= (is_part ? parts_.size() : orders_.size())) {
    return problem_response(404, "malformed", "no such thing");
  }
  switch (stage) {
    case Stage::authorization:
      return show_part(number, payload);
    case Stage::challenge:
      if (parts_[number].status == "pending" && parts_[number].looks < 0) {
        parts_[number].looks = slowness;
      }
      return answer(200, "{}");
    case Stage::finalize:
      return finalize(number, payload);
    case Stage::certificate:
      return answer(200, orders_[number].certificate);
    default:
      return show_order(number);
  }
}

FakeDirectory::Answer FakeDirectory::make_account(const std::string& payload,
                                                  const std::string& jwk) {
  account_payloads.push_back(payload);
  const Json json = Json::parse(payload);
  if (!json.value("termsOfServiceAgreed", false)) {
    return problem_response(403, "userActionRequired");
  }
  // The same key gets the same account.
  const std::string url = std::string(kBase) + "account/" + base64url(sha256(jwk));
  if (known_accounts_.insert(url).second) ++accounts;
  return answer(201, "{}", url);
}

FakeDirectory::Answer FakeDirectory::make_order(const std::string& payload) {
  Order order;
  const Json json = Json::parse(payload);
  for (const Json& identifier : json.at("identifiers")) {
    Part part;
    part.name = identifier.at("value").get<std::string>();
    if (proven_names.contains(part.name)) part.status = "valid";
    part.token = "token" + std::to_string(parts_.size());
    order.names.push_back(part.name);
    order.parts.push_back(parts_.size());
    parts_.push_back(part);
  }
  orders_.push_back(order);
  const size_t number = orders_.size() - 1;
  refresh(orders_.back());
  return answer(201, text_of(orders_.back(), number),
                std::string(kBase) + "order/" + std::to_string(number));
}

void FakeDirectory::decide(Part& part) {
  if (part.status != "pending" || part.looks < 0 || part.looks-- > 0) return;
  const bool answered = look_(part.token).starts_with(part.token + ".");
  part.status = answered && !refused_names.contains(part.name) ? "valid" : "invalid";
}

void FakeDirectory::refresh(Order& order) {
  const auto all = [&](const char* status) {
    return std::all_of(order.parts.begin(), order.parts.end(),
                       [&](size_t part) { return parts_[part].status == status; });
  };
  const auto any = [&](const char* status) {
    return std::any_of(order.parts.begin(), order.parts.end(),
                       [&](size_t part) { return parts_[part].status == status; });
  };
  if (order.status == "pending" && any("invalid")) order.status = "invalid";
  if (order.status == "pending" && all("valid")) order.status = "ready";
  if (order.status == "processing" && order.looks-- <= 0) order.status = "valid";
}

std::string FakeDirectory::text_of(const Part& part, size_t number) const {
  Json challenge = {
      {"type", "http-01"},
      {"url", std::string(kBase) + "challenge/" + std::to_string(number)},
      {"token", part.token},
      {"status", part.status == "pending" && part.looks >= 0 ? "processing" : part.status}};
  if (part.status == "invalid") {
    challenge["error"] = {{"type", "urn:ietf:params:acme:error:connection"},
                          {"detail", "nobody at port 80"}};
  }
  return Json{{"status", part.status},
              {"identifier", {{"type", "dns"}, {"value", part.name}}},
              {"challenges", {{{"type", "dns-01"}, {"status", "pending"}}, challenge}}}
      .dump();
}

std::string FakeDirectory::text_of(const Order& order, size_t number) const {
  Json json = {{"status", order.status},
               {"finalize", std::string(kBase) + "finalize/" + std::to_string(number)}};
  for (const std::string& name : order.names) {
    json["identifiers"].push_back({{"type", "dns"}, {"value", name}});
  }
  for (const size_t part : order.parts) {
    json["authorizations"].push_back(std::string(kBase) + "authz/" + std::to_string(part));
  }
  if (order.status == "valid") {
    json["certificate"] = std::string(kBase) + "certificate/" + std::to_string(number);
  }
  return json.dump();
}

FakeDirectory::Answer FakeDirectory::show_part(size_t number, const std::string& payload) {
  if (!payload.empty()) return problem_response(400, "malformed", "a POST-as-GET has no payload");
  decide(parts_[number]);
  return answer(200, text_of(parts_[number], number));
}

FakeDirectory::Answer FakeDirectory::show_order(size_t number) {
  for (const size_t part : orders_[number].parts) decide(parts_[part]);
  refresh(orders_[number]);
  return answer(200, text_of(orders_[number], number));
}

FakeDirectory::Answer FakeDirectory::finalize(size_t number, const std::string& payload) {
  Order& order = orders_[number];
  if (order.status != "ready") return problem_response(403, "orderNotReady");
  const auto csr = from_base64url(Json::parse(payload).at("csr").get<std::string>());
  order.certificate = authority_->issue(csr.value_or(""), extra_names, now, life);
  if (order.certificate.empty()) return problem_response(400, "badCSR");
  order.status = "processing";
  order.looks = slowness;
  return answer(200, text_of(order, number));
}

}  // namespace flaskscale::acme
