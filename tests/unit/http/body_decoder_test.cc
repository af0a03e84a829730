#include "proxy/http/body_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

using namespace std::string_literals;

struct Outcome {
  std::string body;
  size_t consumed = 0;
  bool complete = false;
  bool failed = false;
  ErrorCode code = ErrorCode::internal;
  std::string trailers;
};

// The pieces end where `cuts` say; each lies in memory of exactly its size.
Outcome decode_in_pieces(BodyDecoder& decoder, const std::string& bytes,
                         const std::vector<size_t>& cuts) {
  Outcome outcome;
  for (const size_t cut : cuts) {
    if (outcome.complete || cut <= outcome.consumed) continue;
    std::vector<char> piece(bytes.begin() + static_cast<long>(outcome.consumed),
                            bytes.begin() + static_cast<long>(cut));
    const auto decoded = decoder.decode(piece.data(), piece.size());
    if (!decoded) {
      outcome.failed = true;
      outcome.code = decoded.error().code;
      return outcome;
    }
    outcome.body.append(piece.data(), decoded->produced);
    outcome.consumed += decoded->consumed;
    outcome.complete = decoded->complete;
  }
  outcome.trailers = decoder.trailers();
  return outcome;
}

Outcome decode_chunked(const std::string& bytes, uint64_t max_body = 0) {
  BodyDecoder decoder;
  decoder.start(Framing::chunked, 0, max_body);
  return decode_in_pieces(decoder, bytes, {bytes.size()});
}

const std::string kChunked =
    "5\r\nhello\r\n1;a=b;c=\"d e\"\r\n,\r\n00A ;x\r\n 234567890\r\n0\r\nX-Sum: 1\r\n\r\n";

TEST(BodyDecoder, HasNothingToDoWithoutABody) {
  BodyDecoder decoder;
  decoder.start(Framing::none, 0, 0);
  EXPECT_TRUE(decoder.complete());
  decoder.start(Framing::content_length, 0, 0);
  EXPECT_TRUE(decoder.complete());
  EXPECT_TRUE(decoder.finish().has_value());
}

TEST(BodyDecoder, TakesExactlyTheContentLength) {
  BodyDecoder decoder;
  decoder.start(Framing::content_length, 5, 5);

  const Outcome outcome = decode_in_pieces(decoder, "helloGET /", {2, 10});

  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.body, "hello");
  EXPECT_EQ(outcome.consumed, 5u);
}

TEST(BodyDecoder, RefusesALengthAboveTheLimit) {
  BodyDecoder decoder;
  decoder.start(Framing::content_length, 6, 5);
  const Outcome outcome = decode_in_pieces(decoder, "h", {1});
  EXPECT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.code, ErrorCode::too_large);
}

TEST(BodyDecoder, ReadsUntilTheConnectionCloses) {
  BodyDecoder decoder;
  decoder.start(Framing::until_close, 0, 0);

  const Outcome outcome = decode_in_pieces(decoder, "hello", {1, 5});

  EXPECT_EQ(outcome.body, "hello");
  EXPECT_FALSE(decoder.complete());
  EXPECT_TRUE(decoder.finish().has_value());
  EXPECT_TRUE(decoder.complete());
}

TEST(BodyDecoder, LimitsABodyThatEndsWithTheConnection) {
  BodyDecoder decoder;
  decoder.start(Framing::until_close, 0, 4);
  const Outcome outcome = decode_in_pieces(decoder, "hello", {4, 5});
  EXPECT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.code, ErrorCode::too_large);
}

TEST(BodyDecoder, FailsWhenTheConnectionClosesEarly) {
  BodyDecoder decoder;
  decoder.start(Framing::content_length, 5, 0);
  ASSERT_FALSE(decoder.finish().has_value());
  decoder.start(Framing::chunked, 0, 0);
  const auto finished = decoder.finish();
  ASSERT_FALSE(finished.has_value());
  EXPECT_EQ(finished.error().code, ErrorCode::closed_by_peer);
}

TEST(BodyDecoder, DecodesChunksInPlace) {
  const Outcome outcome = decode_chunked(kChunked + "GET /next");

  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.body, "hello, 234567890");
  EXPECT_EQ(outcome.consumed, kChunked.size());
  EXPECT_EQ(outcome.trailers, "X-Sum: 1\r\n");
}

TEST(BodyDecoder, GivesTheSameBytesForEveryPairOfSplits) {
  const std::string bytes = kChunked + "rest";
  for (size_t first = 0; first <= bytes.size(); ++first) {
    for (size_t second = first; second <= bytes.size(); ++second) {
      BodyDecoder decoder;
      decoder.start(Framing::chunked, 0, 100);
      const Outcome outcome = decode_in_pieces(decoder, bytes, {first, second, bytes.size()});
      ASSERT_TRUE(outcome.complete) << first << " " << second;
      ASSERT_EQ(outcome.body, "hello, 234567890");
      ASSERT_EQ(outcome.consumed, kChunked.size());
      ASSERT_EQ(outcome.trailers, "X-Sum: 1\r\n");
    }
  }
}

TEST(BodyDecoder, DecodesByteByByte) {
  BodyDecoder decoder;
  decoder.start(Framing::chunked, 0, 0);
  std::vector<size_t> cuts;
  for (size_t cut = 1; cut <= kChunked.size(); ++cut) cuts.push_back(cut);

  const Outcome outcome = decode_in_pieces(decoder, kChunked, cuts);

  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.body, "hello, 234567890");
}

TEST(BodyDecoder, RefusesEveryLooseChunkFraming) {
  for (const std::string& bytes : {"+5\r\nhello\r\n0\r\n\r\n"s,
                                   "-5\r\nhello\r\n0\r\n\r\n"s,
                                   "0x5\r\nhello\r\n0\r\n\r\n"s,
                                   " 5\r\nhello\r\n0\r\n\r\n"s,
                                   "5 \r\nhello\r\n0\r\n\r\n"s,
                                   "5\t\r\nhello\r\n0\r\n\r\n"s,
                                   "5\nhello\r\n0\r\n\r\n"s,
                                   "5\r\nhello\n0\r\n\r\n"s,
                                   "5\r\nhello\r0\r\n\r\n"s,
                                   "5\rhello\r\n0\r\n\r\n"s,
                                   "5\r\nhelloX\r\n0\r\n\r\n"s,
                                   "5\r\nhello0\r\n\r\n"s,
                                   "5;\nhello\r\n0\r\n\r\n"s,
                                   "5;a\nb\r\nhello\r\n0\r\n\r\n"s,
                                   "5;a\rb\r\nhello\r\n0\r\n\r\n"s,
                                   "5;a\0b\r\nhello\r\n0\r\n\r\n"s,
                                   "5;a\x7F\r\nhello\r\n0\r\n\r\n"s,
                                   "g\r\n"s,
                                   ";a\r\n"s,
                                   "\r\n0\r\n\r\n"s,
                                   "5 5\r\n"s,
                                   "5,\r\n"s,
                                   "\n"s,
                                   "5\r\r\n"s,
                                   "5\r\nhello\r\n\r\n0\r\n\r\n"s,
                                   "00000000000000005\r\nhello\r\n"s,
                                   "10000000000000000\r\n"s,
                                   "ffffffffffffffff\r\n"s,
                                   "8000000000000000\r\n"s,
                                   "0\r\n\n"s,
                                   "0\r\nX: a\n\r\n"s,
                                   "0\r\nX : a\r\n\r\n"s,
                                   "0\r\n: a\r\n\r\n"s,
                                   "0\r\nX\r\n\r\n"s,
                                   "0\r\nX: a\r\n b\r\n\r\n"s,
                                   "0\r\nX: a\rb\r\n\r\n"s,
                                   "0\r\nX: \0\r\n\r\n"s,
                                   "0\r\n\rX\r\n"s}) {
    EXPECT_TRUE(decode_chunked(bytes).failed) << bytes;
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      BodyDecoder decoder;
      decoder.start(Framing::chunked, 0, 0);
      EXPECT_TRUE(decode_in_pieces(decoder, bytes, {cut, bytes.size()}).failed) << bytes << cut;
    }
  }
}

TEST(BodyDecoder, RefusesChunksThatAddUpBeyond64Bits) {
  EXPECT_TRUE(decode_chunked("1\r\nx\r\n7fffffffffffffff\r\n").failed);
}

TEST(BodyDecoder, StaysFailed) {
  BodyDecoder decoder;
  decoder.start(Framing::chunked, 0, 0);
  char bytes[] = "x0\r\n\r\n";
  ASSERT_FALSE(decoder.decode(bytes, 1).has_value());
  EXPECT_FALSE(decoder.decode(bytes + 1, 5).has_value());
  EXPECT_FALSE(decoder.finish().has_value());
  decoder.start(Framing::chunked, 0, 0);
  EXPECT_TRUE(decoder.decode(bytes + 1, 5).has_value());
}

TEST(BodyDecoder, LimitsTheTotalOfAllChunksBeforeTheyCome) {
  EXPECT_FALSE(decode_chunked("5\r\nhello\r\n0\r\n\r\n", 5).failed);
  const Outcome outcome = decode_chunked("5\r\nhello\r\n1\r\n", 5);
  EXPECT_TRUE(outcome.failed);
  EXPECT_EQ(outcome.code, ErrorCode::too_large);
}

TEST(BodyDecoder, LimitsExtensionsOfTheWholeBody) {
  std::string bytes;
  for (int i = 0; i < 17; ++i) bytes += "1;" + std::string(1022, 'e') + "\r\nx\r\n";
  EXPECT_TRUE(decode_chunked(bytes).failed);
}

TEST(BodyDecoder, LimitsTheTrailerSection) {
  EXPECT_TRUE(decode_chunked("0\r\nX: " + std::string(17000, 'a')).failed);
  std::string many = "0\r\n";
  for (int i = 0; i < 3000; ++i) many += "X: a\r\n";
  EXPECT_TRUE(decode_chunked(many + "\r\n").failed);
  EXPECT_FALSE(decode_chunked("0\r\nX: " + std::string(16000, 'a') + "\r\n\r\n").failed);
}

TEST(BodyDecoder, RemovesFieldsThatMustNotBeTrailers) {
  const Outcome outcome = decode_chunked(
      "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: x\r\nCookie: a\r\n"
      "Authorization: b\r\nContent-Type: c\r\nX-Forwarded-For: d\r\nX_Forwarded_For: e\r\n"
      "Connection: close\r\nTrailer: X\r\nSet-Cookie: f\r\nCache-Control: g\r\n"
      "Server-Timing:\t total;dur=1 \r\nX-Empty:\r\n\r\n");

  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.trailers, "Server-Timing: total;dur=1\r\nX-Empty: \r\n");
}

TEST(BodyDecoder, ForgetsTheTrailersOfTheBodyBefore) {
  BodyDecoder decoder;
  decoder.start(Framing::chunked, 0, 0);
  (void)decode_in_pieces(decoder, kChunked, {kChunked.size()});
  decoder.start(Framing::chunked, 0, 0);
  const std::string empty = "0\r\n\r\n";
  EXPECT_EQ(decode_in_pieces(decoder, empty, {empty.size()}).trailers, "");
}

}  // namespace
}  // namespace flaskscale::http
