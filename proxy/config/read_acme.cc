#include <algorithm>
#include <map>

#include "base/base64url.h"
#include "base/ip_address.h"
#include "base/text.h"
#include "proxy/config/acme_certificates.h"
#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

constexpr size_t kMostNames = 100;  // what public authorities allow in one certificate
constexpr size_t kLongestName = 253;
constexpr size_t kLongestLabel = 63;

// What keeps a text from being a name that HTTP-01 can validate, and what to write instead.
struct NameProblem {
  std::string what;
  std::string hint;
};

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLongestLabel && label.front() != '-' &&
         label.back() != '-' &&
         label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool has_only_labels(std::string_view name) {
  while (true) {
    const size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

std::optional<NameProblem> problem_of(const std::string& name) {
  if (name.empty()) return NameProblem{"must not be empty", "\"shop.example.com\""};
  if (name.starts_with("*.")) {
    return NameProblem{"is a wildcard, which HTTP-01 can't validate",
                       "list the names one by one, or give cert and key files"};
  }
  if (IpAddress::parse(name)) {
    return NameProblem{"is an IP address", "a certificate is for a domain name"};
  }
  if (name.find_first_of("/:@") != std::string::npos) {
    return NameProblem{"is not a domain name alone", "without scheme, port and path"};
  }
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c >= 0x80; })) {
    return NameProblem{"has letters beyond ASCII", "write it in its xn-- form"};
  }
  if (name.size() > kLongestName || !has_only_labels(name)) {
    return NameProblem{"is no domain name", "\"shop.example.com\""};
  }
  if (name.find('.') == std::string::npos) {
    return NameProblem{"has no dot: no authority vouches for it", "\"shop.example.com\""};
  }
  const char last = name.back();
  if (last >= '0' && last <= '9' &&
      name.find_first_not_of("0123456789", name.rfind('.') + 1) == std::string::npos) {
    return NameProblem{"ends with a number: no domain name does", "\"shop.example.com\""};
  }
  return std::nullopt;
}

void read_name(const Node& item, const std::string& path, std::vector<std::string>& names,
               ProblemList& problems) {
  std::string name = lower_case(item.text);
  if (const auto problem = problem_of(name)) {
    problems.add(item.source, path + ": \"" + item.text + "\" " + problem->what, problem->hint);
  } else if (std::find(names.begin(), names.end(), name) != names.end()) {
    problems.add(item.source, path + ": \"" + name + "\" is named twice");
  } else {
    names.push_back(std::move(name));
  }
}

// A directory is asked over HTTPS; one on this machine may do without, for trials.
bool is_directory_url(std::string_view url) {
  if (!is_http_url(url)) return false;
  constexpr std::string_view kPlain = "http://";
  if (!url.starts_with(kPlain)) return true;
  const std::string_view host = url.substr(kPlain.size());
  return host.starts_with("127.") || host.starts_with("[::1]") || host.starts_with("localhost:") ||
         host.starts_with("localhost/");
}

void read_email(TableReader& acme, std::string& email) {
  const Node* value = acme.text("email");
  if (value == nullptr || value->text.empty()) return;
  const std::string& text = value->text;
  const size_t at = text.find('@');
  const bool fine = at != std::string::npos && at > 0 && at + 1 < text.size() &&
                    text.find('@', at + 1) == std::string::npos &&
                    text.find_first_of(" \t\r\n,;<>?&%\"") == std::string::npos &&
                    text.find(':') == std::string::npos;
  if (fine) {
    email = text;
  } else {
    acme.problems().add(value->source, "acme.email: \"" + text + "\" is no e-mail address",
                        "one address alone, as \"ops@example.com\"");
  }
}

void read_binding(TableReader& acme, AcmeModel& model) {
  acme.read_text("eab_key_id", model.eab_key_id);
  if (const Node* key = acme.text("eab_key"); key != nullptr && !key->text.empty()) {
    std::string text = key->text;
    while (text.ends_with('=')) text.pop_back();
    const auto bytes = from_base64url(text);
    if (!bytes || bytes->empty()) {
      acme.problems().add(key->source, "acme.eab_key is not base64url",
                          "the HMAC key as the authority shows it; ${NAME} takes it from the "
                          "environment");
    } else {
      model.eab_key = *bytes;
    }
  }
  const bool has_id = acme.node().find("eab_key_id") != nullptr;
  const bool has_key = acme.node().find("eab_key") != nullptr;
  if (has_id != has_key) {
    acme.problems().add(acme.node().source,
                        "acme.eab_key_id and acme.eab_key are only of use together");
  }
}

void check_agreement(const TableReader* acme, const Model& model, ProblemList& problems) {
  if (model.acme.agree_terms || acme_certificates(model).empty()) return;
  const Source where = acme == nullptr ? Source{1, 1} : acme->node().source;
  problems.add(where, "acme.agree_terms must be true for certificates by ACME",
               "write [acme] with agree_terms = true if you agree to the terms of service of " +
                   model.acme.directory);
}

// Each is kept under the first of its names.
void check_first_names(const Model& model, ProblemList& problems) {
  std::map<std::string, const CertificateModel*> by_first;
  for (const ListenerModel& listener : model.listeners) {
    for (const CertificateModel& certificate : listener.certificates) {
      if (certificate.acme.empty()) continue;
      const auto [entry, is_new] = by_first.emplace(certificate.acme.front(), &certificate);
      if (is_new || entry->second->acme == certificate.acme) continue;
      problems.add({1, 1},
                   "two certificates by ACME begin with the name \"" + certificate.acme.front() +
                       "\" and go on differently",
                   "put all names into one, or begin one with another name");
    }
  }
}

}  // namespace

void read_acme_names(TableReader& certificate, std::vector<std::string>& names) {
  const Node* value = certificate.value("acme");
  if (value == nullptr) return;
  const std::string path = certificate.path_of("acme");
  if (value->kind == NodeKind::text) {
    read_name(*value, path, names, certificate.problems());
    return;
  }
  const auto items = certificate.required_texts("acme", "\"shop.example.com\"");
  for (const Node* item : items) read_name(*item, path, names, certificate.problems());
  if (items.size() > kMostNames) {
    certificate.problems().add(
        value->source,
        path + ": more than " + std::to_string(kMostNames) + " names in one certificate",
        "make several certificates of them");
  }
}

void read_acme(TableReader& root, const ReadContext& context, Model& model) {
  auto acme = root.reader("acme");
  if (acme) {
    if (const Node* url = acme->text("directory")) {
      model.acme.directory = url->text;
      if (!is_directory_url(url->text)) {
        acme->problems().add(url->source,
                             "acme.directory: \"" + url->text + "\" must begin with https://",
                             "\"https://acme-staging-v02.api.letsencrypt.org/directory\"");
      }
    }
    read_file_path(*acme, "ca", context, Use::used, model.acme.ca);
    read_email(*acme, model.acme.email);
    acme->read_boolean("agree_terms", model.acme.agree_terms);
    read_binding(*acme, model.acme);
    acme->reject_unknown_keys();
  }
  check_agreement(acme ? &*acme : nullptr, model, root.problems());
  check_first_names(model, root.problems());
}

}  // namespace flaskscale::config
