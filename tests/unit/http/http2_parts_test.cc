// What HTTP/2 needs besides its frames: the ration, the fields of responses, the WebSocket key.
#include <gtest/gtest.h>

#include <string>

#include "proxy/http/http2_ration.h"
#include "proxy/http/http2_response_fields.h"
#include "proxy/http/http2_types.h"
#include "proxy/http/websocket_key.h"

namespace flaskscale::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kStart = Time(std::chrono::hours(1));

int taken(Http2Ration& ration, Http2Flood kind, Time now) {
  int count = 0;
  while (count < 100'000 && ration.take(kind, now)) ++count;
  return count;
}

TEST(Http2Ration, LetsSoManyPassAndRefillsWithTime) {
  Http2Ration ration;
  EXPECT_EQ(taken(ration, Http2Flood::ping, kStart), 100);
  EXPECT_FALSE(ration.take(Http2Flood::ping, kStart + milliseconds(1)));
  EXPECT_NEAR(taken(ration, Http2Flood::ping, kStart + seconds(5)), 48, 3);
  EXPECT_EQ(taken(ration, Http2Flood::settings, kStart + seconds(5)), 30);  // each has its own
  EXPECT_EQ(taken(ration, Http2Flood::ping, kStart + std::chrono::hours(10)),
            100);  // no more than all
}

TEST(Http2Ration, GivesCreditForUsefulWork) {
  Http2Ration ration;
  for (int i = 0; i < 100'000; ++i) {
    ration.earn(Http2Flood::reset, 1);
    ASSERT_TRUE(ration.take(Http2Flood::reset, kStart));
    ration.earn(Http2Flood::reset, 1);
  }
  // What was earned is not saved up.
  EXPECT_EQ(taken(ration, Http2Flood::reset, kStart), 500);
}

std::string text_of(const Http2ResponseFields& fields) {
  std::string text;
  for (const Field& field : fields.fields()) {
    text.append(field.name).append("=").append(field.value).append(";");
  }
  return text;
}

TEST(Http2ResponseFields, DropsWhatBelongsToAConnection) {
  ResponseHead head;
  head.status = 200;
  head.framing = Framing::content_length;
  head.content_length = 5;
  head.fields = {{"Content-Length", "5"}, {"Connection", "x-hop, close"},
                 {"X-Hop", "1"},          {"Keep-Alive", "5"},
                 {"Server", "s"},         {"Upgrade", "h2c"},
                 {"Trailer", "x"}};
  Http2ResponseFields fields;
  fields.take_head(head, "id");
  EXPECT_EQ(text_of(fields),
            ":status=200;Server=s;content-length=5;x-request-id=id;via=1.1 flaskscale;");
}

TEST(Http2ResponseFields, KeepsTheLengthThatHeadAnd304Name) {
  ResponseHead head;
  head.status = 304;
  head.fields = {{"Content-Length", "7"}};
  Http2ResponseFields fields;
  fields.take_head(head, {});
  EXPECT_EQ(text_of(fields), ":status=304;Content-Length=7;via=1.1 flaskscale;");
  head.status = 204;
  fields.take_head(head, {});
  EXPECT_EQ(text_of(fields), ":status=204;via=1.1 flaskscale;");
}

TEST(Http2ResponseFields, GivesInformationalHeadsAsTheyAre) {
  ResponseHead head;
  head.status = 103;
  head.fields = {{"Link", "</a>"}};
  Http2ResponseFields fields;
  fields.take_head(head, "id");
  EXPECT_EQ(text_of(fields), ":status=103;Link=</a>;");
}

TEST(Http2ResponseFields, MakesA200OfASwitch) {
  ResponseHead head;
  head.status = 101;
  head.upgrade = "websocket";
  head.fields = {{"Upgrade", "websocket"},
                 {"Connection", "Upgrade"},
                 {"Sec-WebSocket-Accept", "x"},
                 {"Sec-WebSocket-Protocol", "chat"}};
  Http2ResponseFields fields;
  fields.take_head(head, {});
  EXPECT_EQ(text_of(fields), ":status=200;Sec-WebSocket-Protocol=chat;via=1.1 flaskscale;");
}

TEST(Http2ResponseFields, SayWhatAnOwnAnswerSays) {
  OwnAnswer answer;
  answer.status = 503;
  answer.reason = "queue_full";
  answer.retry_after_s = 3;
  answer.wants_json = true;
  answer.after = ClientConnectionAfter::close;
  Http2ResponseFields fields;
  fields.take_answer(answer);
  EXPECT_NE(text_of(fields).find(":status=503;"), std::string::npos);
  EXPECT_NE(text_of(fields).find("Retry-After=3;"), std::string::npos);
  EXPECT_EQ(text_of(fields).find("Connection"), std::string::npos);
  EXPECT_NE(fields.body().find("queue_full"), std::string::npos);
  answer.head_only = true;
  fields.take_answer(answer);
  EXPECT_TRUE(fields.body().empty());
}

TEST(Http2Reasons, AreKnownForEveryCode) {
  EXPECT_EQ(reason_of(Http2Error::enhance_your_calm), "http2_enhance_your_calm");
  EXPECT_EQ(reason_of(static_cast<Http2Error>(77)), "http2_unknown_error");
  EXPECT_EQ(reason_of(Http2Flood::continuation), "http2_continuation_flood");
}

TEST(WebSocketKey, HasTheAnswerOfTheRfc) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(websocket_key(0, 0), "AAAAAAAAAAAAAAAAAAAAAA==");
  EXPECT_EQ(websocket_key(1, 2).size(), 24U);
}

}  // namespace
}  // namespace flaskscale::http
