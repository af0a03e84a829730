#include "proxy/http/http2_client_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "proxy/http/grpc_status.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/http2_request_fields.h"
#include "proxy/http/http2_response_fields.h"
#include "tests/support/http2_frames.h"

namespace flaskscale::http {
namespace {

namespace h2 = http2;
using testing::ElementsAre;

struct ClientStreamLog final : Http2ClientStreamHandler {
  Method method() const override { return asked; }
  void on_informational(const ResponseHead& head) override {
    log.push_back("informational " + std::to_string(head.status));
  }
  void on_response(const ResponseHead& head, std::string_view bytes, bool last,
                   std::string_view trailers) override {
    framing = head.framing;
    log.push_back("head " + std::to_string(head.status));
    if (!bytes.empty() || last) on_body(bytes, last, trailers);
  }
  void on_malformed(std::string_view reason) override {
    log.push_back("malformed " + std::string(reason));
  }
  void on_head_sent() override { head_sent = true; }
  void on_body(std::string_view bytes, bool last, std::string_view trailers) override {
    log.push_back((last ? "end " : "body ") + std::string(bytes.substr(0, 20)) +
                  std::string(trailers));
  }
  void on_closed(Closed how, Http2Error error) override {
    closed = true;
    log.push_back("closed " + std::to_string(static_cast<int>(how)) + " " +
                  std::string(reason_of(error)));
  }
  Sendable sendable() const override { return {out.size(), finished, out_trailers}; }
  void take(size_t bytes, std::string& into) override {
    into.append(out, 0, bytes);
    out.erase(0, bytes);
  }
  void on_end_sent() override { end_sent = true; }

  Method asked = Method::get;
  std::vector<std::string> log;
  Framing framing = Framing::none;
  bool head_sent = false;
  bool end_sent = false;
  bool closed = false;
  bool finished = false;
  std::string out;
  std::string out_trailers;
};

class Http2ClientSessionTest : public testing::Test, public Http2ClientSessionHandler {
 protected:
  Http2ClientSessionTest() : session_({}, *this) {}

  void on_settings() override { ++settings_; }
  void on_goaway() override { ++goaways_; }
  void on_connection_error(Http2Error error) override { errors_.push_back(error); }

  std::vector<h2::Frame> frames() {
    std::string out;
    session_.produce(out, 1U << 20U);
    if (out.starts_with(h2::kPreface)) out.erase(0, h2::kPreface.size());
    return h2::frames_of(out);
  }
  std::vector<h2::Frame> say(std::string_view bytes) {
    session_.receive(bytes);
    return frames();
  }
  uint32_t open(ClientStreamLog& stream, bool last = true) {
    std::vector<Field> fields;
    read_request_fields("GET / HTTP/1.1\r\nHost: a\r\n\r\n", fields);
    const uint32_t id = session_.open(fields, last, stream);
    frames();
    return id;
  }
  static const h2::Frame* find(const std::vector<h2::Frame>& frames, uint8_t kind) {
    const auto at = std::ranges::find_if(frames, [&](const auto& one) { return one.kind == kind; });
    return at == frames.end() ? nullptr : &*at;
  }

  Http2ClientSession session_;
  int settings_ = 0;
  int goaways_ = 0;
  std::vector<Http2Error> errors_;
};

TEST_F(Http2ClientSessionTest, BeginsWithPrefaceAndSettings) {
  std::string out;
  session_.produce(out, 1U << 20U);
  ASSERT_TRUE(out.starts_with(h2::kPreface));
  const auto said = h2::frames_of(std::string_view(out).substr(h2::kPreface.size()));
  ASSERT_NE(find(said, h2::kSettings), nullptr);
  EXPECT_EQ(session_.max_streams(), 100U);
  ASSERT_NE(find(say(h2::settings({{3, 7}})), h2::kSettings), nullptr);
  EXPECT_EQ(session_.max_streams(), 7U);
  EXPECT_EQ(settings_, 1);
}

TEST_F(Http2ClientSessionTest, GivesAHeadWithTheFirstBytes) {
  ClientStreamLog stream;
  const uint32_t id = open(stream);
  EXPECT_TRUE(stream.head_sent && stream.end_sent);
  say(h2::settings() + h2::headers(id, {{":status", "200"}}, false) + h2::data(id, "abc") +
      h2::data(id, "def", true));
  EXPECT_THAT(stream.log,
              ElementsAre("head 200", "body abc", "end def", "closed 0 http2_no_error"));
  EXPECT_EQ(stream.framing, Framing::chunked);
}

TEST_F(Http2ClientSessionTest, GivesAHeadAloneWhenNothingElseHasCome) {
  ClientStreamLog stream;
  const uint32_t id = open(stream);
  say(h2::settings() + h2::headers(id, {{":status", "103"}}, false) +
      h2::headers(id, {{":status", "200"}}, false));
  EXPECT_THAT(stream.log, ElementsAre("informational 103", "head 200"));
  const std::string data = h2::data(id, "0123456789", true);
  say(data.substr(0, 12));
  EXPECT_EQ(stream.log.back(), "body 012");
  say(data.substr(12));
  EXPECT_EQ(stream.log[3], "end 3456789");
}

TEST_F(Http2ClientSessionTest, GivesTrailersWithTheEnd) {
  ClientStreamLog stream;
  const uint32_t id = open(stream);
  say(h2::settings() + h2::headers(id, {{":status", "200"}}, false) + h2::data(id, "abc") +
      h2::headers(id, {{"grpc-status", "0"}}));
  EXPECT_THAT(stream.log, ElementsAre("head 200", "body abc", "end grpc-status: 0\r\n",
                                      "closed 0 http2_no_error"));
  ClientStreamLog only;
  say(h2::headers(open(only), {{":status", "200"}, {"grpc-status", "5"}}));
  EXPECT_THAT(only.log, ElementsAre("head 200", "end ", "closed 0 http2_no_error"));
}

TEST_F(Http2ClientSessionTest, SendsBodyAndTrailers) {
  ClientStreamLog stream;
  const uint32_t id = open(stream, false);
  stream.out = "abc";
  session_.resume(id);
  auto said = frames();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].payload, "abc");
  EXPECT_FALSE(stream.end_sent);
  stream.finished = true;
  stream.out_trailers = "X-Sum: 1\r\n";
  session_.resume(id);
  said = frames();
  ASSERT_NE(find(said, h2::kHeaders), nullptr);
  EXPECT_TRUE(find(said, h2::kHeaders)->ends_stream());
  EXPECT_TRUE(stream.end_sent);
}

TEST_F(Http2ClientSessionTest, TellsWhoIsClosedByAGoaway) {
  ClientStreamLog kept;
  ClientStreamLog refused;
  open(kept);
  open(refused);
  say(h2::settings() + h2::frame(h2::kGoaway, 0, 0, h2::number(1) + h2::number(0)));
  EXPECT_EQ(goaways_, 1);
  EXPECT_FALSE(kept.closed);
  EXPECT_THAT(refused.log, ElementsAre("closed 1 http2_refused_stream"));
  EXPECT_FALSE(session_.may_open());
  say(h2::headers(1, {{":status", "200"}}));
  EXPECT_TRUE(kept.closed);
  EXPECT_TRUE(session_.is_over());
}

TEST_F(Http2ClientSessionTest, DoesNotOpenWhatWasNotSentBeforeAGoaway) {
  std::vector<Field> fields;
  read_request_fields("GET / HTTP/1.1\r\nHost: a\r\n\r\n", fields);
  ClientStreamLog late;
  ASSERT_NE(session_.open(fields, true, late), 0U);
  say(h2::settings() + h2::frame(h2::kGoaway, 0, 0, h2::number(0) + h2::number(0)));
  EXPECT_TRUE(late.closed);
  EXPECT_FALSE(late.head_sent);
}

TEST_F(Http2ClientSessionTest, GivesCreditForTheConnectionAtOnceAndForAStreamWhenTold) {
  ClientStreamLog stream;
  const uint32_t id = open(stream);
  std::string much =
      h2::settings() + h2::settings_ack() + h2::headers(id, {{":status", "200"}}, false);
  for (int i = 0; i < 8; ++i) much += h2::data(id, std::string(16384, 'x'));
  for (const auto& frame : say(much)) EXPECT_NE(frame.kind, h2::kWindowUpdate);
  session_.consume(id, 8 * 16384);
  const auto said = frames();
  const h2::Frame* const update = find(said, h2::kWindowUpdate);
  ASSERT_NE(update, nullptr);
  EXPECT_EQ(update->stream, id);
  EXPECT_EQ(update->word(), 8U * 16384);
}

TEST_F(Http2ClientSessionTest, ForgetsDetachedStreams) {
  ClientStreamLog stream;
  const uint32_t id = open(stream, false);
  session_.detach(id);
  session_.reset(id, Http2Error::cancel);
  const auto said = frames();
  ASSERT_NE(find(said, h2::kRstStream), nullptr);
  EXPECT_EQ(find(said, h2::kRstStream)->error(), 8U);
  say(h2::settings() + h2::headers(id, {{":status", "200"}}));
  EXPECT_TRUE(stream.log.empty());
}

TEST_F(Http2ClientSessionTest, RefusesBrokenRules) {
  ClientStreamLog push;
  const uint32_t id = open(push);
  const auto said = say(h2::settings() + h2::settings_ack() +
                        h2::frame(h2::kPushPromise, h2::kEndHeaders, id,
                                  h2::number(2) + h2::block(h2::get_fields())));
  ASSERT_NE(find(said, h2::kGoaway), nullptr);
  EXPECT_THAT(errors_, ElementsAre(Http2Error::protocol_error));
  EXPECT_TRUE(session_.is_dead());
  EXPECT_FALSE(session_.may_open());
}

TEST(Http2RequestFields, AreMadeOfAHeadOfHttp1) {
  std::vector<Field> fields;
  read_request_fields(
      "POST /a?b HTTP/1.1\r\nHost: shop.example:80\r\nTransfer-Encoding: chunked\r\n"
      "X-A: 1\r\nTE: trailers\r\nConnection: TE\r\n\r\n",
      fields);
  std::string text;
  for (const Field& field : fields) text.append(field.name).append("=").append(field.value) += ' ';
  EXPECT_EQ(text,
            ":method=POST :scheme=http :authority=shop.example:80 :path=/a?b X-A=1 TE=trailers ");
  read_request_fields("OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n", fields);
  EXPECT_EQ(fields.size(), 3U) << "no empty authority";
}

TEST(GrpcContentType, IsGrpcOnly) {
  for (const char* const type :
       {"application/grpc", "application/grpc+proto", "APPLICATION/GRPC;x=y"}) {
    EXPECT_TRUE(is_grpc(type)) << type;
  }
  for (const char* const type : {"", "application/json", "application/grpc-web",
                                 "application/grpc-web+proto", "application/grp"}) {
    EXPECT_FALSE(is_grpc(type)) << type;
  }
}

TEST(GrpcStatus, IsThatOfTheHttpStatus) {
  EXPECT_EQ(grpc_status_of(503), 14);
  EXPECT_EQ(grpc_status_of(502), 14);
  EXPECT_EQ(grpc_status_of(429), 14);
  EXPECT_EQ(grpc_status_of(504), 4);
  EXPECT_EQ(grpc_status_of(404), 12);
  EXPECT_EQ(grpc_status_of(400), 13);
  EXPECT_EQ(grpc_status_of(401), 16);
  EXPECT_EQ(grpc_status_of(403), 7);
  EXPECT_EQ(grpc_status_of(418), 2);
}

TEST(GrpcStatus, IsAnAnswerOfOurOwn) {
  OwnAnswer answer;
  answer.status = 503;
  answer.reason = "100 % \xC3\xA4";
  answer.request_id = "r1";
  answer.is_grpc = true;
  Http2ResponseFields fields;
  fields.take_answer(answer);
  std::string text;
  for (const Field& field : fields.fields()) {
    text.append(field.name).append("=").append(field.value) += '\n';
  }
  EXPECT_EQ(text,
            ":status=200\ncontent-type=application/grpc\nx-request-id=r1\ngrpc-status=14\n"
            "grpc-message=100 %25 %C3%A4\n");
  EXPECT_TRUE(fields.body().empty());
}

}  // namespace
}  // namespace flaskscale::http
