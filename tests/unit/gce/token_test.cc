// How access tokens are got, kept and given up.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/base64url.h"
#include "scaler/providers/gce_service_account.h"
#include "scaler/providers/gce_token_signer.h"
#include "scaler/providers/gce_token_sources.h"
#include "tests/unit/gce/scripted_cloud.h"

namespace flaskscale::scaler {
namespace {

using Json = nlohmann::json;
using std::chrono::hours;
using std::chrono::seconds;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

const Key& rsa_key() {
  static const Key kKey(EVP_RSA_gen(2048));
  return kKey;
}

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string from_base64url(const std::string& text) {
  std::string bytes;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bits = (bits << 6U) | static_cast<uint32_t>(alphabet.find(c));
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>((bits >> static_cast<unsigned>(held)) & 255U);
  }
  return bytes;
}

bool is_signed_by(EVP_PKEY* key, const std::string& input, const std::string& signature) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool good =
      EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(input.data()),
                       input.size()) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

class TokenTest : public testing::Test {
 protected:
  TokenTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "flaskscale-gce-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~TokenTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ / name;
    std::ofstream(path) << text;
    return path;
  }
  std::string key_file() {
    return write("key.json", Json({{"type", "service_account"},
                                   {"project_id", "shop-project"},
                                   {"private_key_id", "kid7"},
                                   {"private_key", pem_of(rsa_key().get())},
                                   {"client_email", "scaler@shop-project.iam"},
                                   {"token_uri", "https://oauth2.example/token"}})
                                 .dump());
  }
  GceTokenSource source(GceCredentials credentials = {}) {
    return {std::move(credentials), Random(1)};
  }
  Result<std::string> token(GceTokenSource& source) {
    return source.token(client_, clock_.clock());
  }
  static HttpResponse grant(const std::string& token, int expires_in) {
    HttpResponse response =
        json_response(Json({{"access_token", token}, {"expires_in", expires_in}}).dump());
    response.headers.emplace_back("metadata-flavor", "Google");
    return response;
  }
  static HttpResponse unwell(int status) {
    HttpResponse response = json_response("", status);
    response.headers.emplace_back("metadata-flavor", "Google");
    return response;
  }

  std::filesystem::path folder_;
  TestClock clock_;
  ScriptedCloud cloud_;
  CloudClient client_{cloud_};
};

TEST_F(TokenTest, EncodesAsTheRfcShows) {
  EXPECT_EQ(base64url(""), "");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64url("fo"), "Zm8");
  EXPECT_EQ(base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
}

TEST_F(TokenTest, SignsAnAssertionThatVerifies) {
  const auto account = read_service_account(key_file());
  ASSERT_TRUE(account.has_value()) << account.error().detail;

  const auto assertion = assertion_of(*account, clock_.wall);

  ASSERT_TRUE(assertion.has_value()) << assertion.error().detail;
  const size_t first = assertion->find('.');
  const size_t last = assertion->rfind('.');
  EXPECT_TRUE(is_signed_by(rsa_key().get(), assertion->substr(0, last),
                           from_base64url(assertion->substr(last + 1))));
  const Json header = Json::parse(from_base64url(assertion->substr(0, first)));
  const Json claims = Json::parse(from_base64url(assertion->substr(first + 1, last - first - 1)));
  EXPECT_EQ(header, Json({{"alg", "RS256"}, {"typ", "JWT"}, {"kid", "kid7"}}));
  EXPECT_EQ(claims["iss"], "scaler@shop-project.iam");
  EXPECT_EQ(claims["aud"], "https://oauth2.example/token");
  EXPECT_EQ(claims["iat"], 1'699'999'990);
  EXPECT_EQ(claims["exp"], 1'700'003'590);
}

TEST_F(TokenTest, RefusesKeyFilesThatAreNoneWithoutQuotingThem) {
  const std::string secret = "MIIsecret";
  const std::vector<std::pair<std::string, std::string>> files = {
      {"", "no JSON"},
      {"[1]", "no JSON"},
      {R"({"type":"authorized_user"})", "authorized_user"},
      {R"({"type":"service_account","client_email":"a@b"})", "private_key"},
      {R"({"type":"service_account","private_key":")" + secret + "\"}", "client_email"},
  };
  for (const auto& [text, problem] : files) {
    const auto account = read_service_account(write("k.json", text));
    ASSERT_FALSE(account.has_value()) << text;
    EXPECT_EQ(account.error().code, ErrorCode::misconfigured);
    EXPECT_NE(account.error().detail.find(problem), std::string::npos) << account.error().detail;
    EXPECT_EQ(account.error().detail.find(secret), std::string::npos);
  }
  EXPECT_EQ(read_service_account(folder_ / "none").error().code, ErrorCode::misconfigured);
  EXPECT_EQ(read_service_account(folder_).error().code, ErrorCode::misconfigured);
}

TEST_F(TokenTest, RefusesAKeyThatIsNotRsa) {
  const Key curve(EVP_EC_gen("P-256"));
  EXPECT_EQ(sign_jwt("{}", "{}", pem_of(curve.get())).error().code, ErrorCode::misconfigured);
  EXPECT_EQ(sign_jwt("{}", "{}", "-----BEGIN PRIVATE KEY-----\nxx\n").error().code,
            ErrorCode::misconfigured);
}

TEST_F(TokenTest, AsksTheMetadataServerOnceAndAgain225SecondsBeforeTheEnd) {
  GceTokenSource source = this->source();
  cloud_.next("metadata", grant("one", 3599));
  cloud_.next("metadata", grant("two", 3599));

  EXPECT_EQ(*token(source), "one");
  clock_.pass(seconds(3599 - 226));
  EXPECT_EQ(*token(source), "one");
  clock_.pass(seconds(2));
  EXPECT_EQ(*token(source), "two");

  ASSERT_EQ(cloud_.count("metadata"), 2U);
  const HttpRequest& request = cloud_.calls("metadata").front();
  EXPECT_EQ(request.url,
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/"
            "token");
  EXPECT_EQ(request.headers.front(),
            (std::pair<std::string, std::string>("Metadata-Flavor", "Google")));
}

TEST_F(TokenTest, KeepsAGoodTokenWhileRefreshFailsAndDoesNotHammer) {
  GceTokenSource source = this->source();
  cloud_.next("metadata", grant("one", 3599));
  EXPECT_EQ(*token(source), "one");
  cloud_.always("metadata", unwell(503));
  clock_.pass(seconds(3599 - 200));

  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(*token(source), "one");
    clock_.pass(seconds(1));
  }
  EXPECT_LE(cloud_.count("metadata"), 10U);

  clock_.pass(seconds(101));
  const auto none = token(source);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().retry, Retry::always);

  cloud_.always("metadata", grant("two", 3599));
  clock_.pass(seconds(31));
  EXPECT_EQ(*token(source), "two");
}

TEST_F(TokenTest, TriesAgainWhileTheMetadataServerRefusesNowAndThen) {
  GceTokenSource source = this->source();
  cloud_.next("metadata", make_error(ErrorCode::connect_failed, "refused"));
  cloud_.next("metadata", unwell(503));
  cloud_.next("metadata", grant("one", 3599));
  EXPECT_EQ(*token(source), "one");
  EXPECT_GT(clock_.slept, Duration::zero());
}

TEST_F(TokenTest, SaysThatSomethingElseAnswersAtTheMetadataAddress) {
  GceTokenSource source = this->source();
  cloud_.always("metadata", json_response("<html>", 200));
  EXPECT_EQ(token(source).error().code, ErrorCode::misconfigured);
  EXPECT_EQ(cloud_.count("metadata"), 1U);
}

TEST_F(TokenTest, SaysThatTheMachineHasNoServiceAccount) {
  GceTokenSource source = this->source();
  cloud_.always("metadata", unwell(404));
  const auto none = token(source);
  EXPECT_EQ(none.error().code, ErrorCode::misconfigured);
  EXPECT_NE(none.error().detail.find("service account"), std::string::npos);
}

TEST_F(TokenTest, IsNotDisturbedByAClockThatJumps) {
  GceTokenSource source = this->source();
  cloud_.next("metadata", grant("one", 3599));
  EXPECT_EQ(*token(source), "one");
  clock_.wall += hours(1);
  EXPECT_EQ(*token(source), "one");
  clock_.wall -= hours(2);
  EXPECT_EQ(*token(source), "one");
  EXPECT_EQ(cloud_.count("metadata"), 1U);
}

TEST_F(TokenTest, ShortLivedTokensAreRenewedHalfWay) {
  GceTokenSource source = this->source();
  cloud_.always("metadata", grant("short", 60));
  EXPECT_TRUE(token(source).has_value());
  clock_.pass(seconds(29));
  EXPECT_TRUE(token(source).has_value());
  EXPECT_EQ(cloud_.count("metadata"), 1U);
  clock_.pass(seconds(2));
  EXPECT_TRUE(token(source).has_value());
  EXPECT_EQ(cloud_.count("metadata"), 2U);
}

TEST_F(TokenTest, RefusesGrantsThatAreNone) {
  for (const char* body : {"", "{}", R"({"access_token":"","expires_in":5})",
                           R"({"access_token":"a\r\nX: y","expires_in":5})",
                           R"({"access_token":7,"expires_in":5})", R"({"access_token":"a"})"}) {
    GceTokenSource source = this->source();
    HttpResponse response = json_response(body);
    response.headers.emplace_back("metadata-flavor", "Google");
    cloud_.always("metadata", response);
    EXPECT_FALSE(token(source).has_value()) << body;
  }
}

TEST_F(TokenTest, ExchangesAKeysAssertionAtItsTokenUri) {
  GceTokenSource source = this->source({.access_token_file = "", .key_file = key_file()});
  cloud_.next("token", grant("keyed", 3599));

  EXPECT_EQ(*token(source), "keyed");

  const HttpRequest& request = cloud_.calls("token").front();
  EXPECT_EQ(request.url, "https://oauth2.example/token");
  EXPECT_EQ(request.method, "POST");
  EXPECT_TRUE(request.body.starts_with(
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey"));
  EXPECT_EQ(*source.project(client_, clock_.clock()), "shop-project");
}

TEST_F(TokenTest, BlamesClockOrKeyForAnInvalidGrant) {
  GceTokenSource source = this->source({.access_token_file = "", .key_file = key_file()});
  cloud_.always(
      "token",
      json_response(R"({"error":"invalid_grant","error_description":"Invalid JWT"})", 400));
  const auto none = token(source);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::misconfigured);
  EXPECT_NE(none.error().detail.find("clock"), std::string::npos);
}

TEST_F(TokenTest, TakesTransientTroubleOfTheTokenServerAsSuch) {
  for (const HttpResponse& trouble :
       {json_response("<html>", 502), json_response(R"({"error":"internal_failure"})", 400)}) {
    GceTokenSource source = this->source({.access_token_file = "", .key_file = key_file()});
    cloud_.always("token", trouble);
    EXPECT_EQ(token(source).error().retry, Retry::always);
  }
}

TEST_F(TokenTest, ReadsATokenFileEachTime) {
  GceTokenSource source =
      this->source({.access_token_file = write("token", "abc\n"), .key_file = ""});
  EXPECT_EQ(*token(source), "abc");
  write("token", "def");
  EXPECT_EQ(*token(source), "def");
  EXPECT_EQ(cloud_.count("metadata"), 0U);
}

TEST_F(TokenTest, PoolsWithTheSameCredentialsShareASource) {
  GceTokenSources sources{Random(1)};
  const auto first = sources.of({});
  EXPECT_EQ(first, sources.of({}));
  EXPECT_NE(first, sources.of({.access_token_file = "", .key_file = "k"}));
}

TEST_F(TokenTest, ThreadsShareOneRefresh) {
  GceTokenSource source = this->source();
  std::atomic<int> asked = 0;
  class SlowClient final : public HttpClient {
   public:
    explicit SlowClient(std::atomic<int>& count) : count_(count) {}
    Result<HttpResponse> send(const HttpRequest&) override {
      ++count_;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return grant("shared", 3599);
    }

   private:
    std::atomic<int>& count_;
  };
  std::vector<std::thread> threads;
  const GceClock clock;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      SlowClient client(asked);
      EXPECT_EQ(*source.token(client, clock), "shared");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace flaskscale::scaler
