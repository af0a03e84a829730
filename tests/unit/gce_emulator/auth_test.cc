// The metadata server and the token endpoint.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/unit/gce_emulator/fixture.h"

namespace flaskscale::emulator {
namespace {

class GceAuth : public EmulatorTest {
 protected:
  Result<scaler::HttpResponse> metadata(const std::string& path, bool flavor = true) {
    scaler::HttpRequest request;
    request.url = "http://metadata.google.internal/computeMetadata/v1/" + path;
    if (flavor) request.headers = {{"Metadata-Flavor", "Google"}};
    return client_->send(request);
  }
  Result<scaler::HttpResponse> ask_token(const std::string& assertion) {
    scaler::HttpRequest request;
    request.method = "POST";
    request.url = "https://oauth2.googleapis.com/token";
    request.body =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + assertion;
    return client_->send(request);
  }
};

std::string base64_url(const std::string& bytes) {
  constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8U | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) text += kLetters[bits >> (count - 6) & 63U];
  }
  if (count > 0) text += kLetters[bits << (6 - count) & 63U];
  return text;
}

std::string signed_assertion(const ServiceAccountKey& key, double now, const std::string& issuer) {
  const std::string text = base64_url(R"({"alg":"RS256","typ":"JWT"})") + "." +
                           base64_url(Json{{"iss", issuer},
                                           {"aud", "https://oauth2.googleapis.com/token"},
                                           {"scope", "https://www.googleapis.com/auth/compute"},
                                           {"iat", static_cast<int64_t>(now)},
                                           {"exp", static_cast<int64_t>(now) + 3600}}
                                          .dump());
  const std::string pem = key.private_pem();
  BIO* memory = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* loaded = PEM_read_bio_PrivateKey(memory, nullptr, nullptr, nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::string signature(512, '\0');
  size_t length = signature.size();
  EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, loaded);
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &length,
                 reinterpret_cast<const unsigned char*>(text.data()), text.size());
  signature.resize(length);
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(loaded);
  BIO_free(memory);
  return text + "." + base64_url(signature);
}

TEST_F(GceAuth, MetadataWantsItsHeaderAndSendsItBack) {
  EXPECT_EQ(metadata("project/project-id", false)->status, 403);
  const auto id = metadata("project/project-id");
  EXPECT_EQ(id->body, "shop-project");
  EXPECT_EQ(id->header("metadata-flavor"), "Google");
  EXPECT_EQ(metadata("instance/zone")->body, "projects/123456789012/zones/us-central1-a");
  EXPECT_EQ(metadata("instance/nothing")->status, 404);
  fault({{"kind", "wrong_flavor"}, {"method", "metadata.*"}, {"times", 1}});
  EXPECT_EQ(metadata("project/project-id")->header("metadata-flavor"), "Proxy");
  fault({{"kind", "refuse"}, {"method", "metadata.*"}, {"times", 1}});
  EXPECT_EQ(metadata("project/project-id").error().code, ErrorCode::connect_failed);
}

TEST_F(GceAuth, MetadataHoldsTheAnswerUntilTheValueChanges) {
  const std::string etag(metadata("instance/preempted")->header("etag"));
  const double before = emulator_->now();
  const auto same =
      metadata("instance/preempted?wait_for_change=true&timeout_sec=7&last_etag=" + etag);
  EXPECT_EQ(same->body, "FALSE");
  EXPECT_NEAR(emulator_->now() - before, 7, 0.5);
  const auto old = metadata("instance/preempted?wait_for_change=true&last_etag=0");
  EXPECT_EQ(old->body, "FALSE");
  EXPECT_LT(emulator_->now() - before, 8);
}

TEST_F(GceAuth, TokensLiveAsLongAsTheySay) {
  fault({{"kind", "token"}, {"expires_in", 5}, {"method", "metadata.token"}, {"times", 1}});
  token_ = token();
  EXPECT_EQ(call("GET", kGroup).status, 200);
  pass(6);
  EXPECT_EQ(call("GET", kGroup).status, 401);
  token_ = token();
  EXPECT_EQ(call("GET", kGroup).status, 200);
  act("expire_tokens", {});
  EXPECT_EQ(call("GET", kGroup).status, 401);
}

TEST_F(GceAuth, GivesTokensForRightlySignedAssertionsOnly) {
  auto key = ServiceAccountKey::generate();
  auto other = ServiceAccountKey::generate();
  ASSERT_TRUE(key && other);
  emulator_->expect_key(*key, "me@shop");
  const double now = emulator_->cloud().client_wall();

  const auto good = ask_token(signed_assertion(**key, now, "me@shop"));
  ASSERT_EQ(good->status, 200) << good->body;
  token_ = text_of(Json::parse(good->body), "access_token");
  EXPECT_EQ(call("GET", kGroup).status, 200);

  EXPECT_EQ(ask_token(signed_assertion(**other, now, "me@shop"))->status, 400);
  EXPECT_EQ(ask_token(signed_assertion(**key, now, "you@shop"))->status, 400);
  EXPECT_EQ(ask_token(signed_assertion(**key, now + 4000, "me@shop"))->status, 400);
  EXPECT_EQ(ask_token(signed_assertion(**key, now - 8000, "me@shop"))->status, 400);
  EXPECT_EQ(ask_token("not.a.token")->status, 400);
  act("step_clock", {{"seconds", 4000}});
  EXPECT_EQ(ask_token(signed_assertion(**key, now + 4000, "me@shop"))->status, 200);
}

}  // namespace
}  // namespace flaskscale::emulator
