// What [listeners.NAME] says about TLS, and what can be wrong with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/config/diff.h"
#include "tests/unit/config/fixture.h"

namespace flaskscale::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// [listeners.s] with these lines from line 3 on, then a route and its pool.
std::string with_listener(const std::string& lines) {
  return "[listeners.s]\nlisten = [\"0.0.0.0:443\"]\n" + lines +
         "\n[[routes]]\npool = \"app\"\n[pools.app]\nbackends = [\"10.0.0.1:80\"]\n";
}

// Any files that are there do here.
const std::string kPair = "certificates = [{ cert = \"/dev/null\", key = \"/dev/zero\" }]\n";
const std::string kHint =
    " (write [[listeners.NAME.certificates]] with cert = \"fullchain.pem\" and key = "
    "\"privkey.pem\")";

TEST(TlsConfig, HasSoundDefaults) {
  const Model model = model_of(with_listener(kPair));
  const ListenerModel& listener = model.listeners.front();
  EXPECT_THAT(listener.certificates, ElementsAre(CertificateModel{"/dev/null", "/dev/zero"}));
  EXPECT_EQ(listener.tls, TlsModel());
  EXPECT_TRUE(listener.http2);
  EXPECT_FALSE(listener.hsts);
  EXPECT_FALSE(model_of(with_listener("")).listeners.front().http2);
  EXPECT_TRUE(model_of(with_listener("http2 = true")).listeners.front().http2);
  EXPECT_FALSE(model_of(with_listener(kPair + "http2 = false")).listeners.front().http2);
}

TEST(TlsConfig, IsReadWhole) {
  const Model model = model_of(with_listener(R"(
hsts = { max_age = "365d", preload = true }
[listeners.s.tls]
min_version = "1.3"
client_ca = "/dev/null"
client_certificate = "optional"
strict_sni = true
ticket_keys = "/dev/zero"
[[listeners.s.certificates]]
cert = "/dev/null"
key = "/dev/zero"
ocsp = "/dev/full"
)"));
  const ListenerModel& listener = model.listeners.front();
  EXPECT_EQ(listener.certificates.front().ocsp, "/dev/full");
  EXPECT_EQ(listener.tls, (TlsModel{TlsMinVersion::tls13, "/dev/null",
                                    ClientCertificateUse::optional, true, "/dev/zero"}));
  EXPECT_EQ(listener.hsts, (HstsModel{std::chrono::hours(365 * 24), false, true}));
}

TEST(TlsConfig, TellsCertificatesThatAreNotWhole) {
  EXPECT_THAT(
      problems_of(with_listener("certificates = [{ cert = \"/dev/null\" }, \"x\"]")),
      ElementsAre("3:17: listeners.s.certificates.cert and listeners.s.certificates.key are "
                  "both needed (or acme = \"shop.example.com\")",
                  "3:41: listeners.s.certificates must hold tables, not a text" + kHint));
  EXPECT_THAT(
      problems_of(with_listener("certificates = [{ cert = \"/dev/null\", key = \"/no/such\" }]")),
      ElementsAre("3:45: listeners.s.certificates.key: there is no file \"/no/such\" (it is "
                  "relative to the folder of this file)"));
}

TEST(TlsConfig, TellsKeysThatNeedCertificates) {
  EXPECT_THAT(problems_of(with_listener("hsts = { max_age = \"1h\" }\ntls = { }")),
              ElementsAre("3:1: listeners.s.hsts needs certificates" + kHint,
                          "4:1: listeners.s.tls needs certificates" + kHint));
}

TEST(TlsConfig, TellsKeysThatContradict) {
  EXPECT_THAT(problems_of(with_listener(kPair + "redirect_to_https = true")),
              ElementsAre("4:21: listeners.s.redirect_to_https is for a listener without "
                          "certificates: this one speaks HTTPS"));
  EXPECT_THAT(problems_of(with_listener("redirect_port = 8443")),
              ElementsAre("3:1: listeners.s.redirect_port needs redirect_to_https = true"));
  EXPECT_THAT(problems_of(with_listener(kPair + "tls = { client_certificate = \"required\" }")),
              ElementsAre("4:9: client_certificate needs client_ca"));
  EXPECT_THAT(problems_of(with_listener("redirect_to_https = true\nredirect_port = 8443")),
              IsEmpty());
}

TEST(TlsConfig, TellsUnknownWords) {
  EXPECT_EQ(problems_of(with_listener(kPair + "tls = { min_version = \"1.1\" }")).size(), 1U);
  EXPECT_EQ(problems_of(with_listener(kPair + "tls = { minversion = \"1.2\" }")).size(), 1U);
  EXPECT_EQ(problems_of(with_listener(kPair + "hsts = { }")).size(), 1U);
}

TEST(TlsConfig, IsComparedKeyByKey) {
  const Diff diff = compare(model_of(with_listener(kPair)),
                            model_of(with_listener(kPair + "tls = { strict_sni = true }")));
  EXPECT_THAT(diff.changes, ElementsAre(Change{"listeners.s.tls.strict_sni", "false", "true"}));
}

}  // namespace
}  // namespace flaskscale::config
