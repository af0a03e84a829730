// The parts of the ACME client, one by one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/base64url.h"
#include "proxy/acme/file_io.h"
#include "proxy/acme/folder_lock.h"
#include "proxy/acme/jws.h"
#include "proxy/acme/messages.h"
#include "proxy/acme/openssl_certificate.h"
#include "proxy/acme/paths.h"
#include "proxy/acme/problem.h"
#include "proxy/acme/retry_wait.h"
#include "proxy/acme/store.h"

namespace flaskscale::acme {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

constexpr const char* kUrl = "https://ca.test/dir";
constexpr WallTime kNow{std::chrono::milliseconds(1'800'000'000'000)};

TEST(Base64Url, GoesThereAndBack) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "\xfb\xff\x01"}) {
    EXPECT_EQ(from_base64url(base64url(text)), text);
  }
  EXPECT_EQ(from_base64url("A"), std::nullopt);
  EXPECT_EQ(from_base64url("a+b/"), std::nullopt);
}

TEST(AcmeKey, SurvivesItsPem) {
  const auto key = Key::generate();
  ASSERT_TRUE(key);
  const auto again = Key::from_pem(key->pem());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->jwk(), key->jwk());
  EXPECT_EQ(key->sign("text")->size(), 64U);
  EXPECT_EQ(key->thumbprint().size(), 43U);
}

TEST(AcmeKey, RefusesWhatIsNoP256Key) {
  EXPECT_FALSE(Key::from_pem(""));
  EXPECT_FALSE(Key::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
}

TEST(AcmeKey, HasTheThumbprintOfItsWebKey) {
  const auto key = Key::generate();
  const Json jwk = Json::parse(key->jwk());
  // RFC 7638: the members in the order of their names, without white space; nlohmann sorts.
  EXPECT_EQ(jwk.dump(), key->jwk());
  EXPECT_EQ(from_base64url(jwk["x"].get<std::string>())->size(), 32U);
}

TEST(AcmeJws, NamesTheKeyOrTheAccount) {
  const auto key = Key::generate();
  const auto with_key = Json::parse(*signed_body(*key, {kUrl, "n", ""}, "{}"));
  const auto with_account = Json::parse(*signed_body(*key, {kUrl, "n", "https://ca/1"}, ""));
  const auto head = [](const Json& body) {
    return Json::parse(*from_base64url(body["protected"].get<std::string>()));
  };
  EXPECT_TRUE(head(with_key).contains("jwk"));
  EXPECT_FALSE(head(with_key).contains("kid"));
  EXPECT_EQ(head(with_account)["kid"], "https://ca/1");
  EXPECT_EQ(with_account["payload"], "");
}

TEST(AcmeMessages, RefuseWhatIsNotOfADirectory) {
  for (const char* text : {"", "[]", "{}", "null", "{\"newNonce\":1}", "<html>",
                           R"({"newNonce":"http://a/n","newAccount":"https://a/a",
                               "newOrder":"https://a/o"})",
                           R"({"newNonce":"https://a/n b","newAccount":"https://a/a",
                               "newOrder":"https://a/o"})"}) {
    EXPECT_FALSE(parse_directory(text, kUrl)) << text;
    EXPECT_FALSE(parse_order(text, kUrl)) << text;
    EXPECT_FALSE(parse_authorization(text, kUrl)) << text;
  }
}

TEST(AcmeMessages, RefuseATokenThatIsNoToken) {
  const auto with_token = [](const std::string& token) {
    return Json{
        {"status", "pending"},
        {"identifier", {{"type", "dns"}, {"value", "a.b"}}},
        {"challenges",
         {{{"type", "http-01"}, {"url", "https://ca/c"}, {"token", token}, {"status", "pending"}}}}}
        .dump();
  };
  EXPECT_TRUE(parse_authorization(with_token("a-Z_9"), kUrl));
  for (const char* bad : {"", "../x", "a/b", "a b", "a\r\nb", "%2e"}) {
    EXPECT_FALSE(parse_authorization(with_token(bad), kUrl)) << bad;
  }
}

TEST(AcmeProblem, TellsTypeDetailAndEachName) {
  const Problem problem = parse_problem(R"({
    "type": "urn:ietf:params:acme:error:compound", "detail": "several\u0007 names",
    "subproblems": [
      {"type": "urn:ietf:params:acme:error:dns", "detail": "NXDOMAIN",
       "identifier": {"type": "dns", "value": "a.example.com"}},
      {"type": "urn:ietf:params:acme:error:caa", "detail": "forbidden"}]})");
  EXPECT_EQ(describe(problem),
            "compound: several  names (a.example.com: dns: NXDOMAIN; caa: forbidden)");
  EXPECT_NE(hint_of(problem).find("must resolve"), std::string::npos);
  EXPECT_EQ(describe(parse_problem("<html>")), "");
}

TEST(AcmeProblem, ALongDetailIsCut) {
  const Problem problem = parse_problem(Json{{"detail", std::string(100'000, 'x')}}.dump());
  EXPECT_LT(problem.detail.size(), 1000U);
}

TEST(AcmeRetryAfter, IsSecondsOrADate) {
  const auto parsed = [](const char* text) { return parse_retry_after(text, kNow, hours(24)); };
  EXPECT_EQ(parsed("120"), seconds(120));
  EXPECT_EQ(parsed("999999999999999999999999"), hours(24));
  EXPECT_EQ(parsed("10000000"), hours(24));
  EXPECT_EQ(parsed("Fri, 15 Jan 2027 08:01:00 GMT"), seconds(60));
  for (const char* nothing : {"", "0", "-5", "soon", "1.5", "Fri, 15 Jan 2027 07:00:00 GMT"}) {
    EXPECT_EQ(parsed(nothing), std::nullopt) << nothing;
  }
}

TEST(AcmeRetryWait, DoublesUpToItsLongest) {
  Random random(1);
  const Pace pace;
  const Failure refused{FailureKind::refused, "", std::nullopt};
  EXPECT_GE(wait_after(refused, 1, pace, random), minutes(2));
  EXPECT_LE(wait_after(refused, 1, pace, random), seconds(150));
  EXPECT_GE(wait_after(refused, 4, pace, random), minutes(16));
  EXPECT_LE(wait_after(refused, 4'000'000'000U, pace, random), minutes(450));
  const Failure passing{FailureKind::passing, "", minutes(30)};
  EXPECT_GE(wait_after(passing, 1, pace, random), minutes(30));
}

TEST(AcmeRetryWait, IsToldInRoundNumbers) {
  EXPECT_EQ(rounded(hours(24 * 90) - seconds(1)), "89d");
  EXPECT_EQ(rounded(hours(6) + minutes(59)), "6h");
  EXPECT_EQ(rounded(seconds(149)), "2m");
  EXPECT_EQ(rounded(std::chrono::milliseconds(10'700)), "10s");
  EXPECT_EQ(rounded(-hours(1)), "0s");
}

TEST(AcmePaths, NameTheDirectoryByItsHost) {
  EXPECT_EQ(directory_folder("/s/acme", "https://acme-v02.api.letsencrypt.org/directory"),
            "/s/acme/acme-v02.api.letsencrypt.org");
  EXPECT_EQ(directory_folder("/s/acme", "https://CA.test:443/x"), "/s/acme/ca.test");
  EXPECT_EQ(directory_folder("/s/acme", "https://[::1]:14000/dir"), "/s/acme/___1__14000");
  EXPECT_EQ(directory_folder("/s/acme", "https://../dir"), "/s/acme/_");
}

class AcmeStoreTest : public testing::Test {
 protected:
  AcmeStoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "acme-XXXXXX").string();
    root = mkdtemp(pattern.data());
    store = std::make_unique<Store>(root + "/ca");
  }
  ~AcmeStoreTest() override { std::filesystem::remove_all(root); }
  std::string path(const std::string& file) const { return root + "/ca/a.test/" + file; }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(path(file)) << text;
  }

  std::string root;
  std::unique_ptr<Store> store;
};

TEST_F(AcmeStoreTest, MakesAStandInForAllNames) {
  ASSERT_TRUE(store->ensure_pair({"a.test", "b.test"}, kNow));
  const auto facts = store->current("a.test");
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->is_self_issued);
  EXPECT_EQ(facts->names, (Names{"a.test", "b.test"}));
  EXPECT_LT(facts->not_before, kNow);
  EXPECT_GT(facts->not_after, kNow + hours(24 * 300));
}

TEST_F(AcmeStoreTest, KeepsAGoodStandInAndReplacesABadOne) {
  ASSERT_TRUE(store->ensure_pair({"a.test"}, kNow));
  const auto first = read_small_file(path("fullchain.pem"));
  ASSERT_TRUE(store->ensure_pair({"a.test"}, kNow + hours(24)));
  EXPECT_EQ(*first, *read_small_file(path("fullchain.pem")));
  ASSERT_TRUE(store->ensure_pair({"a.test"}, kNow + hours(24 * 400)));
  EXPECT_NE(*first, *read_small_file(path("fullchain.pem")));
  write("privkey.pem", "garbage");
  ASSERT_TRUE(store->ensure_pair({"a.test"}, kNow));
  EXPECT_TRUE(store->current("a.test"));
}

TEST_F(AcmeStoreTest, ACrashBetweenKeyAndChainIsMadeGood) {
  ASSERT_TRUE(store->ensure_pair({"a.test"}, kNow));
  const auto key = store->next_key("a.test", Store::NextKey::fresh);
  const auto chain = stand_in_certificate(*key, {"a.test"}, kNow, hours(10));
  write("fullchain.next.pem", *chain);
  for (const bool key_was_renamed : {false, true}) {
    if (key_was_renamed) {
      write("fullchain.next.pem", *chain);
      write("fullchain.pem", "the old one");
      write("privkey.pem", key->pem());
    }
    const auto facts = store->current("a.test");
    ASSERT_TRUE(facts);
    EXPECT_LT(facts->not_after, kNow + hours(24));
    EXPECT_FALSE(std::filesystem::exists(path("fullchain.next.pem")));
  }
}

TEST_F(AcmeStoreTest, AChainOfAnotherKeyIsNotInstalled) {
  ASSERT_TRUE(store->ensure_pair({"a.test"}, kNow));
  const auto before = read_small_file(path("fullchain.pem"));
  const auto stranger = Key::generate();
  const auto chain = stand_in_certificate(*stranger, {"a.test"}, kNow, hours(10));
  EXPECT_FALSE(store->install({"a.test"}, *chain, kNow));
  ASSERT_TRUE(store->next_key("a.test", Store::NextKey::fresh));
  for (const std::string& bad :
       {*chain, std::string(), std::string("<html>"), chain->substr(0, chain->size() / 2)}) {
    EXPECT_FALSE(store->install({"a.test"}, bad, kNow));
  }
  EXPECT_EQ(*before, *read_small_file(path("fullchain.pem")));
}

TEST_F(AcmeStoreTest, RefusesACertificateThatHasRunOut) {
  const auto key = store->next_key("a.test", Store::NextKey::fresh);
  const auto chain = stand_in_certificate(*key, {"a.test"}, kNow, hours(10));
  const auto installed = store->install({"a.test"}, *chain, kNow + hours(11));
  ASSERT_FALSE(installed);
  EXPECT_NE(installed.error().detail.find("clock"), std::string::npos);
}

TEST_F(AcmeStoreTest, AnAccountKeyThatCantBeReadIsNotReplaced) {
  const auto key = store->account_key();
  ASSERT_TRUE(key);
  EXPECT_EQ(store->account_key()->jwk(), key->jwk());
  std::ofstream(root + "/ca/account.key") << "garbage";
  const auto broken = store->account_key();
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().detail.find("put it back"), std::string::npos);
}

TEST_F(AcmeStoreTest, AnAccountIsForItsDirectoryAlone) {
  const Account account{"https://ca/1", "a@b"};
  ASSERT_TRUE(store->account_key());
  ASSERT_TRUE(store->keep_account(kUrl, account));
  EXPECT_EQ(store->account(kUrl), account);
  EXPECT_EQ(store->account("https://ca.test/other"), Account());
}

TEST_F(AcmeStoreTest, RecordsSurviveAndGarbageCountsAsNone) {
  OrderRecord record;
  record.names = {"a.test"};
  record.order_url = "https://ca/order/1";
  record.last_order = kNow;
  record.challenges = {{"token", "token.print"}};
  record.failures = 3;
  record.asked_to_wait = true;
  record.next_try = kNow + hours(1);
  record.last_error = "no \"good\" \xff";
  ASSERT_TRUE(store->keep_record("a.test", record));
  record.last_error = store->record("a.test").last_error;  // what is no UTF-8 is replaced
  EXPECT_EQ(store->record("a.test"), record);
  for (const char* garbage : {"", "[]", "{\"names\": 7, \"failures\": \"x\"}", "\x01"}) {
    write("order.json", garbage);
    EXPECT_EQ(store->record("a.test"), OrderRecord());
  }
}

TEST_F(AcmeStoreTest, OneProgramAtATimeHasAFolder) {
  FolderLock first;
  FolderLock second;
  ASSERT_TRUE(first.take(root));
  ASSERT_TRUE(first.take(root));
  EXPECT_FALSE(second.take(root));
}

}  // namespace
}  // namespace flaskscale::acme
