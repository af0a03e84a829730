#include "proxy/http/http2_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/http2_frames.h"

namespace flaskscale::http {
namespace {

namespace h2 = http2;

struct Stream final : Http2StreamHandler {
  void on_body(std::string_view bytes, bool last, std::string_view lines) override {
    body.append(bytes);
    trailers = lines;
    ended = ended || last;
    ++pieces;
  }
  void on_closed(Closed closed_how, Http2Error with) override {
    closed = true;
    how = closed_how;
    error = with;
  }
  Sendable sendable() const override { return {out.size(), finished, out_trailers}; }
  void take(size_t bytes, std::string& into) override {
    into.append(out, 0, bytes);
    out.erase(0, bytes);
  }
  void on_end_sent() override { end_sent = true; }

  std::string path;
  std::string body;
  std::string trailers;
  int pieces = 0;
  bool ended = false;
  bool closed = false;
  Closed how = Closed::complete;
  Http2Error error = Http2Error::none;
  std::string out;
  std::string out_trailers;
  bool finished = false;
  bool end_sent = false;
};

class Http2SessionTest : public testing::Test, public Http2SessionHandler {
 protected:
  void on_request(const Http2Request& request) override {
    if (request.cancelled) {
      cancelled_.push_back(request.stream);
      return;
    }
    refusals_.push_back(request.refusal.status);
    auto& stream = streams_[request.stream] = std::make_unique<Stream>();
    stream->path = request.head.path;
    stream->ended = request.last;
    session_->attach(request.stream, *stream);
  }
  void on_stream_error(Http2Error error) override { stream_errors_.push_back(error); }
  void on_connection_error(Http2Error error) override { connection_errors_.push_back(error); }
  void on_flood(Http2Flood kind) override { floods_.push_back(kind); }
  void on_pong() override { ++pongs_; }

  // What comes back for these bytes.
  std::vector<h2::Frame> say(std::string_view bytes) {
    do {
      bytes.remove_prefix(session_->receive(bytes, now_, 1000));
    } while (!bytes.empty());
    return frames();
  }
  std::vector<h2::Frame> frames() {
    std::string out;
    session_->produce(out, 1U << 20U);
    return h2::frames_of(out);
  }
  static const h2::Frame* find(const std::vector<h2::Frame>& frames, uint8_t kind) {
    const auto at = std::ranges::find_if(frames, [&](const auto& one) { return one.kind == kind; });
    return at == frames.end() ? nullptr : &*at;
  }

  Http2Settings settings_;
  std::unique_ptr<Http2Session> session_ = std::make_unique<Http2Session>(settings_, *this);
  std::map<uint32_t, std::unique_ptr<Stream>> streams_;
  std::vector<uint16_t> refusals_;
  std::vector<uint32_t> cancelled_;
  std::vector<Http2Error> stream_errors_;
  std::vector<Http2Error> connection_errors_;
  std::vector<Http2Flood> floods_;
  int pongs_ = 0;
  Time now_{std::chrono::hours(1)};
};

TEST_F(Http2SessionTest, BeginsWithItsSettings) {
  const auto first = say({});
  ASSERT_GE(first.size(), 2U);
  EXPECT_EQ(first[0].kind, h2::kSettings);
  EXPECT_EQ(first[0].payload.size(), 30U);
  EXPECT_EQ(first[1].kind, h2::kWindowUpdate);
  EXPECT_EQ(first[1].word(), (1U << 20U) - 65535U);
  EXPECT_TRUE(session_->is_inside_head());
  const auto next = say(h2::hello());
  ASSERT_NE(find(next, h2::kSettings), nullptr);
  EXPECT_EQ(find(next, h2::kSettings)->flags, h2::kAck);
  EXPECT_FALSE(session_->is_inside_head());
}

TEST_F(Http2SessionTest, RefusesStreamsBeyondItsLimitAndNoMore) {
  settings_.limits.streams = 2;
  session_ = std::make_unique<Http2Session>(settings_, *this);
  const auto first = say(h2::hello() + h2::frame(h2::kSettings, h2::kAck, 0, {}));
  ASSERT_FALSE(first.empty());
  EXPECT_EQ(first[0].payload.substr(0, 6), std::string("\0\x3\0\0\0\x2", 6));
  EXPECT_EQ(find(say(h2::get(1) + h2::get(3)), h2::kRstStream), nullptr);
  const auto refused = say(h2::get(5));
  ASSERT_NE(find(refused, h2::kRstStream), nullptr);
  EXPECT_EQ(find(refused, h2::kRstStream)->stream, 5U);
  EXPECT_EQ(find(refused, h2::kRstStream)->word(),
            static_cast<uint32_t>(Http2Error::refused_stream));
  EXPECT_EQ(stream_errors_, std::vector{Http2Error::refused_stream});
  EXPECT_EQ(find(say(h2::rst_stream(1, 8) + h2::get(7)), h2::kRstStream), nullptr);
  EXPECT_EQ(streams_.size(), 3U);
  EXPECT_TRUE(connection_errors_.empty());
}

TEST_F(Http2SessionTest, TellsARequestByteByByteAsInOnePiece) {
  const std::string bytes =
      h2::hello() + h2::post(1, {{"content-length", "5"}}) + h2::data(1, "hello", true);
  for (const char byte : bytes) EXPECT_EQ(session_->receive({&byte, 1}, now_, 1), 1U);
  ASSERT_EQ(streams_.size(), 1U);
  EXPECT_EQ(streams_[1]->body, "hello");
  EXPECT_TRUE(streams_[1]->ended);
}

TEST_F(Http2SessionTest, BeginsNoMoreRequestsInACallThanItIsTold) {
  say(h2::hello());
  const std::string two = h2::get(1) + h2::post(3) + h2::data(3, "whole", true);
  const std::string cancelled = h2::get(7) + h2::rst_stream(7) + h2::get(9) + h2::rst_stream(9);
  const std::string bytes = two + h2::get(5) + cancelled + h2::get(11);
  EXPECT_EQ(session_->receive(bytes, now_, 2), two.size());
  EXPECT_EQ(streams_.size(), 2U);
  EXPECT_EQ(streams_[3]->body, "whole");
  // Those that are cancelled at once do not count.
  const std::string rest = bytes.substr(two.size());
  EXPECT_EQ(session_->receive(rest, now_, 2), rest.size());
  EXPECT_EQ(streams_.size(), 4U);
  EXPECT_EQ(cancelled_, (std::vector<uint32_t>{7, 9}));
}

TEST_F(Http2SessionTest, GoesOnWithARequestWhoseFrameBeganBefore) {
  say(h2::hello());
  const std::string begun = h2::get(3).substr(0, 4);
  const std::string bytes = h2::get(1) + begun;
  EXPECT_EQ(session_->receive(bytes, now_, 1), bytes.size());
  EXPECT_EQ(session_->receive(h2::get(3).substr(4) + h2::get(5), now_, 1), h2::get(3).size() - 4);
  EXPECT_EQ(session_->receive(h2::get(5), now_, 1), h2::get(5).size());
  EXPECT_EQ(streams_.size(), 3U);
}

TEST_F(Http2SessionTest, TellsTheEndWithTheLastPiece) {
  say(h2::hello() + h2::post(1) + h2::data(1, "hel") + h2::data(1, "lo", true));
  EXPECT_EQ(streams_[1]->pieces, 2);
  EXPECT_TRUE(streams_[1]->ended);
}

TEST_F(Http2SessionTest, GivesTrailersWithTheEnd) {
  say(h2::hello() + h2::post(1) + h2::data(1, "x") + h2::headers(1, {{"x-sum", "7"}}));
  EXPECT_TRUE(streams_[1]->ended);
  EXPECT_EQ(streams_[1]->trailers, "x-sum: 7\r\n");
}

TEST_F(Http2SessionTest, SendsHeadBodyAndTrailers) {
  say(h2::hello() + h2::get(1));
  Stream& stream = *streams_[1];
  stream.out = "body";
  stream.finished = true;
  stream.out_trailers = "X-Sum: 7\r\n";
  session_->send_informational(1, {{":status", "103"}});
  session_->send_head(1, {{":status", "200"}, {"X-A", "b"}}, false);
  const auto sent = frames();
  ASSERT_EQ(sent.size(), 4U);
  EXPECT_EQ(sent[0].kind, h2::kHeaders);
  EXPECT_EQ(sent[1].kind, h2::kHeaders);
  EXPECT_EQ(sent[2].payload, "body");
  EXPECT_FALSE(sent[2].ends_stream());
  EXPECT_TRUE(sent[3].ends_stream());
  EXPECT_TRUE(stream.end_sent);
  EXPECT_TRUE(stream.closed);
  EXPECT_EQ(stream.how, Http2StreamHandler::Closed::complete);
}

TEST_F(Http2SessionTest, KeepsToTheWindowsOfTheClient) {
  say(std::string(h2::kPreface) + h2::settings({{4, 10}}) + h2::get(1));
  Stream& stream = *streams_[1];
  stream.out.assign(25, 'x');
  stream.finished = true;
  session_->send_head(1, {{":status", "200"}}, false);
  EXPECT_EQ(frames().back().payload.size(), 10U);
  EXPECT_EQ(stream.out.size(), 15U);
  EXPECT_EQ(say(h2::window_update(1, 4)).back().payload.size(), 4U);
  EXPECT_TRUE(say(h2::window_update(1, 100)).back().ends_stream());
}

TEST_F(Http2SessionTest, GivesCreditOnlyForWhatWasConsumed) {
  // The window of a stream is what we have said only when the client has heard it.
  say(h2::hello() + h2::frame(h2::kSettings, h2::kAck, 0, "") + h2::post(1));
  const std::string piece(16384, 'x');
  for (int i = 0; i < 8; ++i) EXPECT_EQ(find(say(h2::data(1, piece)), h2::kWindowUpdate), nullptr);
  // 128 KiB: one more byte breaks the rule.
  session_->consume(1, 8 * 16384);
  const auto credit = frames();
  ASSERT_NE(find(credit, h2::kWindowUpdate), nullptr);
  for (int i = 0; i < 8; ++i) say(h2::data(1, piece));
  const auto broken = say(h2::data(1, "x"));
  ASSERT_NE(find(broken, h2::kRstStream), nullptr);
  EXPECT_EQ(find(broken, h2::kRstStream)->error(), 3U);
  EXPECT_EQ(streams_[1]->error, Http2Error::flow_control_error);
}

TEST_F(Http2SessionTest, ResetsMalformedRequestsAndCountsThem) {
  const auto answer = say(h2::hello() + h2::headers(1, {{":method", "GET"}, {"X-Upper", "1"}}));
  ASSERT_NE(find(answer, h2::kRstStream), nullptr);
  EXPECT_EQ(find(answer, h2::kRstStream)->error(), 1U);
  EXPECT_EQ(stream_errors_, std::vector{Http2Error::protocol_error});
  EXPECT_TRUE(streams_.empty());
  EXPECT_FALSE(session_->is_inside_head());
}

TEST_F(Http2SessionTest, RefusesInvalidValuesInsteadOfDroppingThem) {
  for (const char* value : {"a\nb", " a", "a ", "a\x01"}) {
    const auto answer =
        say((streams_.empty() && stream_errors_.empty() ? h2::hello() : std::string()) + [&] {
          h2::Fields fields = h2::get_fields();
          fields.emplace_back("x-a", value);
          return h2::headers(static_cast<uint32_t>(1 + 2 * stream_errors_.size()), fields);
        }());
    ASSERT_NE(find(answer, h2::kRstStream), nullptr) << value;
  }
  EXPECT_TRUE(streams_.empty());
}

TEST_F(Http2SessionTest, HandsOnWhatIsToBeRefused) {
  h2::Fields fields = h2::get_fields();
  fields[0].second = "BREW";
  say(h2::hello() + h2::headers(1, fields));
  EXPECT_EQ(refusals_, std::vector<uint16_t>{501});
}

TEST_F(Http2SessionTest, TellsAResetOfThePeer) {
  say(h2::hello() + h2::post(1));
  say(h2::rst_stream(1));
  EXPECT_TRUE(streams_[1]->closed);
  EXPECT_EQ(streams_[1]->how, Http2StreamHandler::Closed::by_peer);
}

TEST_F(Http2SessionTest, EndsAConnectionThatFloods) {
  const auto flooded = [&](Http2Flood kind, const std::string& bytes) {
    session_ = std::make_unique<Http2Session>(settings_, *this);
    floods_.clear();
    connection_errors_.clear();
    say(h2::hello());
    std::vector<h2::Frame> answer;
    for (int i = 0; i < 5000 && floods_.empty(); ++i) answer = say(bytes);
    ASSERT_EQ(floods_, std::vector{kind}) << reason_of(kind);
    ASSERT_NE(find(answer, h2::kGoaway), nullptr) << reason_of(kind);
    EXPECT_EQ(find(answer, h2::kGoaway)->error(), 11U);
    EXPECT_EQ(connection_errors_, std::vector{Http2Error::enhance_your_calm});
    EXPECT_TRUE(session_->is_over());
  };
  flooded(Http2Flood::ping, h2::ping());
  flooded(Http2Flood::settings, h2::settings());
  flooded(Http2Flood::priority, h2::frame(h2::kPriority, 0, 3, std::string(5, '\0')));
  flooded(Http2Flood::window_update, h2::window_update(0, 1));
  flooded(Http2Flood::unknown_frame, h2::frame(0x77, 0, 0, "x"));
  std::string head = h2::frame(h2::kHeaders, 0, 1, "");
  for (int i = 0; i < 20; ++i) head += h2::frame(h2::kContinuation, 0, 1, "");
  flooded(Http2Flood::continuation, head);
  // Four times what a head may hold, in as many frames as it may have.
  h2::Fields fields = h2::get_fields();
  for (int i = 0; i < 10; ++i) fields.emplace_back("x", std::string(16000, 'x'));
  const std::string block = h2::block(fields);
  head = h2::frame(h2::kHeaders, 0, 1, block.substr(0, 16384));
  for (size_t at = 16384; at < block.size(); at += 16384) {
    head += h2::frame(h2::kContinuation, 0, 1, block.substr(at, 16384));
  }
  flooded(Http2Flood::continuation, head);
}

TEST_F(Http2SessionTest, EndsAConnectionThatCancelsWhatItAsks) {
  say(h2::hello());
  uint32_t stream = 1;
  for (; stream < 4000 && floods_.empty(); stream += 2)
    say(h2::get(stream) + h2::rst_stream(stream));
  EXPECT_EQ(floods_, std::vector{Http2Flood::reset});
  EXPECT_LT(stream, 1100U);
}

TEST_F(Http2SessionTest, BeginsNoRequestThatAWindowUpdateBreaks) {
  say(h2::hello());
  const auto answer = say(h2::post(1) + h2::post(3) + h2::post(7) +
                          h2::window_update(1, 0x7FFFFFFF) + h2::window_update(3, 0x40000000) +
                          h2::window_update(7, 0x40000000) + h2::window_update(3, 0x40000000));
  EXPECT_EQ(cancelled_, (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(streams_.size(), 1U);
  EXPECT_EQ(streams_.count(7), 1U);
  EXPECT_EQ(std::ranges::count(answer, h2::kRstStream, &h2::Frame::kind), 2);
  EXPECT_EQ(find(answer, h2::kGoaway), nullptr);
  // One that has begun is nghttp2's to judge.
  say(h2::window_update(7, 0x40000000));
  EXPECT_EQ(streams_[7]->how, Stream::Closed::by_us);
}

TEST_F(Http2SessionTest, BeginsARequestWhoseWindowIsTheLargest) {
  const auto begins = [&](const std::vector<std::string>& pieces) {
    session_ = std::make_unique<Http2Session>(settings_, *this);
    streams_.clear();
    std::vector<h2::Frame> answer;
    for (const auto& piece : pieces) {
      for (auto& one : say(piece)) answer.push_back(std::move(one));
    }
    EXPECT_EQ(find(answer, h2::kRstStream), nullptr);
    EXPECT_EQ(find(answer, h2::kGoaway), nullptr);
    EXPECT_EQ(streams_.size(), 1U);
  };
  const std::string without = h2::settings({{3, 100}, {4, 0}});
  const std::string preface(h2::kPreface);
  const std::string largest = h2::get(1) + h2::window_update(1, 0x7FFFFFFF);
  begins({preface + without + largest});
  begins({preface + without, largest});
  begins({preface + without.substr(0, 17), without.substr(17) + largest});
  begins({preface + h2::settings() + h2::get(1) + without + h2::window_update(1, 0x7FFFFFFF)});
  EXPECT_TRUE(cancelled_.empty());
}

TEST_F(Http2SessionTest, SeesAFloodBeforeItBeginsWithAnyOfIt) {
  const auto seen = [&](auto breaks) {
    session_ = std::make_unique<Http2Session>(settings_, *this);
    floods_.clear();
    say(h2::hello());
    std::string bytes;
    for (uint32_t stream = 1; stream < 2000; stream += 2) {
      bytes += h2::get(stream) + breaks(stream);
    }
    EXPECT_EQ(session_->receive(bytes, now_, 16), bytes.size());
    EXPECT_EQ(floods_, std::vector{Http2Flood::reset});
    EXPECT_TRUE(streams_.empty());
    EXPECT_TRUE(cancelled_.empty());
  };
  seen([](uint32_t stream) { return h2::rst_stream(stream); });
  seen([](uint32_t stream) { return h2::window_update(stream, 0x7FFFFFFF); });
}

TEST_F(Http2SessionTest, PartsNoRequestFromItsCancellation) {
  say(h2::hello());
  std::string bytes;
  for (uint32_t stream = 1; stream < 600; stream += 2) {
    bytes += h2::get(stream) + h2::rst_stream(stream);
  }
  size_t calls = 0;
  for (std::string_view rest = bytes; !rest.empty(); ++calls) {
    rest.remove_prefix(session_->receive(rest, now_, 16));
  }
  EXPECT_TRUE(streams_.empty());
  EXPECT_EQ(cancelled_.size(), 300U);
  EXPECT_GE(calls, 9U);  // 64 frames in each
  EXPECT_TRUE(floods_.empty());
}

TEST_F(Http2SessionTest, TellsARequestThatIsCancelledInTheSameBytes) {
  say(h2::hello());
  const auto answer = say(h2::get(1) + h2::get(3) + h2::get(5) + h2::rst_stream(1) + h2::get(7) +
                          h2::rst_stream(7) + h2::rst_stream(5));
  EXPECT_EQ(cancelled_, (std::vector<uint32_t>{1, 5, 7}));
  EXPECT_EQ(streams_.size(), 1U);
  EXPECT_EQ(find(answer, h2::kRstStream), nullptr);
  EXPECT_EQ(find(answer, h2::kGoaway), nullptr);
  say(h2::get(9));
  EXPECT_EQ(streams_.count(9), 1U);
  say(h2::rst_stream(9));
  EXPECT_EQ(streams_[9]->how, Stream::Closed::by_peer);
}

TEST_F(Http2SessionTest, EndsAConnectionThatMakesUsReset) {
  say(h2::hello());
  uint32_t stream = 1;
  for (; stream < 4000 && floods_.empty(); stream += 2)
    say(h2::get(stream) + h2::window_update(stream, 0x7FFFFFFF));
  EXPECT_EQ(floods_, std::vector{Http2Flood::reset});
}

TEST_F(Http2SessionTest, EndsAConnectionOfEmptyData) {
  say(h2::hello() + h2::post(1));
  for (int i = 0; i < 1000 && floods_.empty(); ++i) say(h2::data(1, ""));
  EXPECT_EQ(floods_, std::vector{Http2Flood::empty_data});
}

TEST_F(Http2SessionTest, GoesInTwoSteps) {
  say(h2::hello() + h2::get(1));
  session_->announce_shutdown();
  session_->ping();
  auto sent = frames();
  ASSERT_NE(find(sent, h2::kGoaway), nullptr);
  EXPECT_EQ(find(sent, h2::kGoaway)->word(), 0x7FFFFFFFU);
  const h2::Frame* const ping = find(sent, h2::kPing);
  ASSERT_NE(ping, nullptr);
  say(h2::get(3) + h2::ping(ping->payload, h2::kAck));
  EXPECT_EQ(pongs_, 1);
  EXPECT_EQ(streams_.size(), 2U);
  session_->refuse_new_streams();
  sent = frames();
  ASSERT_NE(find(sent, h2::kGoaway), nullptr);
  EXPECT_EQ(find(sent, h2::kGoaway)->word(), 3U);
  say(h2::get(5));
  EXPECT_EQ(streams_.size(), 2U);
  EXPECT_FALSE(session_->is_over());
  for (const uint32_t id : {1U, 3U}) session_->send_head(id, {{":status", "204"}}, true);
  frames();
  EXPECT_TRUE(session_->is_over());
}

TEST_F(Http2SessionTest, TakesNoOtherPreface) {
  const auto answer = say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(session_->is_over());
  ASSERT_NE(find(answer, h2::kGoaway), nullptr);
  EXPECT_EQ(find(answer, h2::kGoaway)->error(), 1U);
}

}  // namespace
}  // namespace flaskscale::http
