#include "proxy/config/flat_listener.h"

namespace flaskscale::config {
namespace {

std::string describe(const CertificateModel& certificate) {
  std::string text = certificate.cert + ", " + certificate.key;
  if (!certificate.acme.empty()) {
    text = "acme";
    for (const std::string& name : certificate.acme) text += " " + name;
  }
  if (!certificate.ocsp.empty()) text += ", " + certificate.ocsp;
  return text;
}

std::string octal(uint32_t mode) {
  std::string digits = "0";
  for (const unsigned shift : {6U, 3U, 0U}) {
    digits.push_back(static_cast<char>('0' + ((mode >> shift) & 7U)));
  }
  return digits;
}

void flatten_tls(const ListenerModel& listener, Section section) {
  const TlsModel& tls = listener.tls;
  section.text("min_version", tls.min_version == TlsMinVersion::tls13 ? "1.3" : "1.2");
  section.text("client_ca", tls.client_ca);
  section.text("client_certificate",
               tls.client_certificate == ClientCertificateUse::required ? "required" : "optional");
  section.put("strict_sni", tls.strict_sni ? "true" : "false");
  section.text("ticket_keys", tls.ticket_keys);
}

}  // namespace

void flatten_listener(const ListenerModel& listener, Section section) {
  const auto yes_or_no = [&](const char* key, bool value) {
    section.put(key, value ? "true" : "false");
  };
  section.present();
  section.put("listen", list_of(listener.listen));
  section.put("unix_mode", octal(listener.unix_mode));
  section.put("trusted_proxies", list_of(listener.trusted_proxies));
  yes_or_no("proxy_protocol", listener.proxy_protocol);
  yes_or_no("http2", listener.http2);
  yes_or_no("redirect_to_https", listener.redirect_to_https);
  if (listener.redirect_port != 0) section.count("redirect_port", listener.redirect_port);
  if (listener.certificates.empty()) return;
  std::vector<std::string> certificates;
  for (const CertificateModel& certificate : listener.certificates) {
    certificates.push_back(describe(certificate));
  }
  section.put("certificates", list_of(certificates));
  flatten_tls(listener, section.below("tls"));
  if (!listener.hsts) return;
  Section hsts = section.below("hsts");
  hsts.duration("max_age", listener.hsts->max_age);
  hsts.put("include_subdomains", listener.hsts->include_subdomains ? "true" : "false");
  hsts.put("preload", listener.hsts->preload ? "true" : "false");
}

void flatten_pool_tls(const BackendTlsModel& tls, Section section) {
  section.present();
  section.text("ca", tls.ca);
  section.text("server_name", tls.server_name);
  section.text("cert", tls.cert);
  section.text("key", tls.key);
  section.put("verify", tls.verify ? "true" : "false");
}

}  // namespace flaskscale::config
