#include <chrono>

#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

using std::chrono::hours;

constexpr std::array<Choice<TlsMinVersion>, 2> kVersions = {
    {{"1.2", TlsMinVersion::tls12}, {"1.3", TlsMinVersion::tls13}}};
constexpr std::array<Choice<ClientCertificateUse>, 2> kClientUses = {
    {{"required", ClientCertificateUse::required}, {"optional", ClientCertificateUse::optional}}};

constexpr std::string_view kCertificateHint =
    "write [[listeners.NAME.certificates]] with cert = \"fullchain.pem\" and key = \"privkey.pem\"";

void read_certificate(TableReader table, const ReadContext& context, ListenerModel& listener) {
  CertificateModel certificate;
  read_file_path(table, "cert", context, Use::used, certificate.cert);
  read_file_path(table, "key", context, Use::used, certificate.key);
  read_file_path(table, "ocsp", context, Use::used, certificate.ocsp);
  read_acme_names(table, certificate.acme);
  const bool by_acme = table.node().find("acme") != nullptr;
  const bool has_files = !certificate.cert.empty() || !certificate.key.empty();
  if (by_acme && has_files) {
    table.problems().add(table.node().source,
                         table.path_of("acme") + " and files are two ways to one certificate",
                         "take cert and key away, or acme");
  }
  if (!by_acme && (certificate.cert.empty() || certificate.key.empty())) {
    table.problems().add(
        table.node().source,
        table.path_of("cert") + " and " + table.path_of("key") + " are both needed",
        "or acme = \"shop.example.com\"");
  }
  table.reject_unknown_keys();
  listener.certificates.push_back(std::move(certificate));
}

void read_certificates(TableReader& table, const ReadContext& context, ListenerModel& listener) {
  const Node* list = table.array("certificates");
  if (list == nullptr) return;
  const std::string path = table.path_of("certificates");
  for (const Node& item : list->items) {
    if (item.kind != NodeKind::table) {
      table.problems().add(item.source,
                           path + " must hold tables, not " + std::string(describe(item.kind)),
                           std::string(kCertificateHint));
      continue;
    }
    read_certificate(TableReader(item, path, table.problems()), context, listener);
  }
}

void read_tls(TableReader table, const ReadContext& context, ListenerModel& listener) {
  TlsModel& tls = listener.tls;
  table.read_choice("min_version", tls.min_version, kVersions);
  read_file_path(table, "client_ca", context, Use::used, tls.client_ca);
  table.read_choice("client_certificate", tls.client_certificate, kClientUses);
  table.read_boolean("strict_sni", tls.strict_sni);
  read_file_path(table, "ticket_keys", context, Use::used, tls.ticket_keys);
  if (const Entry* use = table.node().find("client_certificate");
      use != nullptr && table.node().find("client_ca") == nullptr) {
    table.problems().add(use->source, use->key + " needs client_ca");
  }
  table.reject_unknown_keys();
}

void read_hsts(TableReader table, ListenerModel& listener) {
  HstsModel hsts;
  table.read_duration("max_age", hsts.max_age, {Duration::zero(), hours(24 * 3660)});
  if (table.node().find("max_age") == nullptr) {
    table.problems().add(table.node().source, table.path_of("max_age") + " is missing",
                         "\"365d\"; begin with \"5m\", browsers remember it");
  }
  table.read_boolean("include_subdomains", hsts.include_subdomains);
  table.read_boolean("preload", hsts.preload);
  table.reject_unknown_keys();
  listener.hsts = hsts;
}

// Keys that mean nothing without the certificates, or with them.
void check_together(TableReader& table, const ListenerModel& listener) {
  const bool secure = table.node().find("certificates") != nullptr;
  for (const std::string_view key : {"tls", "hsts"}) {
    const Entry* entry = table.node().find(key);
    if (entry == nullptr || secure) continue;
    table.problems().add(entry->source, table.path_of(key) + " needs certificates",
                         std::string(kCertificateHint));
  }
  const Entry* redirect = table.node().find("redirect_to_https");
  if (redirect != nullptr && listener.redirect_to_https && !listener.certificates.empty()) {
    table.problems().add(redirect->value.source,
                         table.path_of("redirect_to_https") +
                             " is for a listener without certificates: this one speaks HTTPS");
  }
  const Entry* port = table.node().find("redirect_port");
  if (port != nullptr && !listener.redirect_to_https) {
    table.problems().add(port->source,
                         table.path_of("redirect_port") + " needs redirect_to_https = true");
  }
}

}  // namespace

void read_listener_tls(TableReader& listener, const ReadContext& context, ListenerModel& model) {
  read_certificates(listener, context, model);
  if (auto tls = listener.reader("tls")) read_tls(std::move(*tls), context, model);
  if (auto hsts = listener.reader("hsts")) read_hsts(std::move(*hsts), model);
  model.http2 = !model.certificates.empty();
  listener.read_boolean("http2", model.http2);
  listener.read_boolean("redirect_to_https", model.redirect_to_https);
  uint32_t port = 0;
  listener.read_count("redirect_port", port, {1, 65535});
  model.redirect_port = static_cast<uint16_t>(port);
  check_together(listener, model);
}

void read_pool_tls(TableReader& pool, const ReadContext& context, PoolModel& model) {
  auto table = pool.reader("tls");
  if (!table) return;
  BackendTlsModel tls;
  read_file_path(*table, "ca", context, Use::used, tls.ca);
  table->read_text("server_name", tls.server_name);
  read_file_path(*table, "cert", context, Use::used, tls.cert);
  read_file_path(*table, "key", context, Use::used, tls.key);
  table->read_boolean("verify", tls.verify);
  table->reject_unknown_keys();
  const Source source = table->node().source;
  if (tls.cert.empty() != tls.key.empty()) {
    pool.problems().add(
        source, table->path_of("cert") + " and " + table->path_of("key") + " need each other");
  }
  if (!tls.verify && !tls.ca.empty()) {
    pool.problems().add(source, table->path_of("ca") + " means nothing with verify = false");
  }
  if (pool.node().find("proxy_protocol") != nullptr) {
    pool.problems().add(source, pool.path_of("tls") + " and " + pool.path_of("proxy_protocol") +
                                    " do not go together");
  }
  model.tls = tls;
}

}  // namespace flaskscale::config
