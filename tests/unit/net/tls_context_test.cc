#include "proxy/net/tls_context.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/support/tls_identity.h"

namespace flaskscale::net {
namespace {

using std::chrono::hours;
using std::chrono::system_clock;

TlsCertificateFiles files_of(const TlsIdentity& identity, const std::string& name = "a") {
  return {name + ".pem", identity.cert_pem, name + ".key", identity.key_pem, "", ""};
}

std::shared_ptr<TicketKeyRing> make_ring() {
  return std::make_shared<TicketKeyRing>(std::vector<TicketKey>{make_ticket_key()});
}

TlsServerSettings settings_of(const std::vector<IdentityWish>& wishes) {
  TlsServerSettings settings;
  for (const auto& wish : wishes) settings.certificates.push_back(files_of(make_identity(wish)));
  settings.tickets = make_ring();
  return settings;
}

std::string error_of(const TlsServerSettings& settings) {
  const auto made = TlsContext::create(settings);
  return made ? "" : made.error().detail;
}

using Found = std::vector<size_t>;

TEST(TlsContext, ChoosesExactNamesThenWildcardsAndFoldsCase) {
  const auto context = TlsContext::create(settings_of({{.names = {"first.test"}},
                                                       {.names = {"*.shop.test", "shop.test"}},
                                                       {.names = {"www.shop.test"}}}));
  ASSERT_TRUE(context);
  EXPECT_EQ((*context)->match("WWW.Shop.test"), Found{2});
  EXPECT_EQ((*context)->match("other.shop.test"), Found{1});
  EXPECT_EQ((*context)->match("shop.test."), Found{1});
  EXPECT_EQ((*context)->match("a.b.shop.test"), Found{});
  EXPECT_EQ((*context)->match(".shop.test"), Found{});
  EXPECT_EQ((*context)->match("unknown"), Found{});
  EXPECT_EQ((*context)->match(""), Found{});
}

TEST(TlsContext, PutsKeysOfTwoTypesForOneNameSideBySide) {
  const auto context =
      TlsContext::create(settings_of({{.names = {"a.test"}},
                                      {.names = {"a.test"}, .key = TestKey::rsa},
                                      {.names = {"a.test"}, .key = TestKey::rsa}}));
  ASSERT_TRUE(context);
  EXPECT_EQ((*context)->match("a.test"), (Found{0, 1}));  // the third has nothing new
}

TEST(TlsContext, TakesTheCommonNameOnlyWithoutAlternativeNames) {
  const auto context = TlsContext::create(
      settings_of({{.common_name = "cn.test"}, {.names = {"san.test"}, .common_name = "x.test"}}));
  ASSERT_TRUE(context);
  EXPECT_EQ((*context)->match("cn.test"), Found{0});
  EXPECT_EQ((*context)->match("x.test"), Found{});
}

TEST(TlsContext, KnowsWhenCertificatesEnd) {
  const auto context = TlsContext::create(settings_of({{.valid = hours(48)}}));
  ASSERT_TRUE(context);
  const auto left = (*context)->certificates().front().info().not_after - system_clock::now();
  EXPECT_GT(left, hours(47));
  EXPECT_LE(left, hours(48));
}

TEST(TlsContext, SaysWhichFileIsWrongAndWhy) {
  TlsServerSettings settings = settings_of({{}});
  auto& files = settings.certificates.front();
  const TlsCertificateFiles good = files;

  files.key_pem = make_identity({}).key_pem;
  EXPECT_EQ(error_of(settings), "a.key: the key does not belong to the certificate a.pem");
  files = good;
  files.key_pem = "nothing";
  EXPECT_EQ(error_of(settings), "a.key: holds no private key in PEM form");
  files.key_pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n";
  EXPECT_NE(error_of(settings).find("a.key: the key is encrypted"), std::string::npos);
  files = good;
  files.cert_pem = good.key_pem;
  EXPECT_EQ(error_of(settings), "a.pem: holds no certificate in PEM form");
  files.cert_pem = good.cert_pem + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  EXPECT_TRUE(error_of(settings).starts_with("a.pem: its certificate number 2 cannot be read"));
  files = good;
  settings.client_certificate = ClientCertificate::required;
  settings.client_ca_path = "ca.pem";
  EXPECT_EQ(error_of(settings), "ca.pem: holds no certificate in PEM form");
}

TEST(TlsContext, ChecksTheStapledResponse) {
  const TlsIdentity authority = make_identity({.common_name = "ca", .is_authority = true});
  const TlsIdentity subject = make_identity({.names = {"a.test"}, .issuer = &authority});
  TlsServerSettings settings;
  settings.tickets = make_ring();
  settings.certificates.push_back(
      files_of({subject.cert_pem + authority.cert_pem, subject.key_pem}));
  auto& files = settings.certificates.front();
  files.ocsp_path = "a.ocsp";
  files.ocsp_der = "junk";
  EXPECT_EQ(error_of(settings), "a.ocsp: is no OCSP response in DER form");
  files.ocsp_der = make_ocsp_response(authority, authority, std::chrono::hours(1));
  EXPECT_EQ(error_of(settings), "a.ocsp: says nothing about the certificate a.pem");
  files.ocsp_der = make_ocsp_response(subject, authority, std::chrono::hours(1));
  const auto context = TlsContext::create(settings);
  ASSERT_TRUE(context);
  const auto& certificate = (*context)->certificates().front();
  EXPECT_EQ(certificate.ocsp_at(system_clock::now()), files.ocsp_der);
  EXPECT_EQ(certificate.ocsp_at(system_clock::now() + hours(2)), "");
}

std::string key_line(char digit) { return std::string(160, digit) + "\n"; }

TEST(TicketKeys, AreReadFromLinesOfHexadecimalDigits) {
  const auto keys = parse_ticket_keys("# newest first\n\n" + key_line('a') + " " + key_line('1'));
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ(keys->front().name[15], 0xAA);
  EXPECT_EQ(keys->back().mac[31], 0x11);
}

TEST(TicketKeys, SayWhatIsWrongWithTheirFile) {
  const auto error = [](const std::string& text) {
    const auto keys = parse_ticket_keys(text);
    return keys ? "" : keys.error().detail;
  };
  EXPECT_EQ(error("# none\n"), "holds no key");
  EXPECT_TRUE(error(key_line('a') + "abc\n").starts_with("line 2 is not a key"));
  EXPECT_TRUE(error(key_line('x')).starts_with("line 1 is not a key"));
  EXPECT_EQ(error(key_line('a') + key_line('a')), "line 2 has the name of a key above it");
  EXPECT_EQ(error(key_line('a') + key_line('b') + key_line('c') + key_line('d')),
            "holds more than 3 keys");
}

TEST(TicketKeys, AreForgottenAfterTwoRotations) {
  TicketKeyRing ring({make_ticket_key()});
  EVP_CIPHER_CTX* const cipher = EVP_CIPHER_CTX_new();
  EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  EVP_MAC_CTX* const mac = EVP_MAC_CTX_new(hmac);
  unsigned char name[16];
  unsigned char iv[EVP_MAX_IV_LENGTH];
  EXPECT_EQ(ring.begin_ticket(name, iv, cipher, mac, true), 1);
  EXPECT_EQ(ring.begin_ticket(name, iv, cipher, mac, false), 1);
  ring.rotate(make_ticket_key());
  EXPECT_EQ(ring.begin_ticket(name, iv, cipher, mac, false), 2);  // good, but give a new one
  ring.rotate(make_ticket_key());
  EXPECT_EQ(ring.begin_ticket(name, iv, cipher, mac, false), 2);
  ring.rotate(make_ticket_key());
  EXPECT_EQ(ring.begin_ticket(name, iv, cipher, mac, false), 0);
  EVP_MAC_CTX_free(mac);
  EVP_MAC_free(hmac);
  EVP_CIPHER_CTX_free(cipher);
}

}  // namespace
}  // namespace flaskscale::net
