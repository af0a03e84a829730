#include <gtest/gtest.h>

#include <string>

#include "proxy/http/head_writer.h"
#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

struct Want {
  Version client = Version::http11;
  ClientConnectionAfter after = ClientConnectionAfter::keep;
  Method method = Method::get;
};

// Rewritten with the framing that the backend used.
std::string rewrite(const std::string& text, const Want& want = {}) {
  const ParsedResponse parsed(text, want.method);
  EXPECT_TRUE(parsed.outcome.starts_with("complete")) << parsed.outcome << "\n" << text;
  std::string out = "kept:";
  write_response_head(parsed.head, parsed.head.framing, want.client, want.after, "req-1", out);
  EXPECT_TRUE(out.starts_with("kept:"));
  return out.substr(5);
}

const std::string kEnd = "X-Request-Id: req-1\r\nVia: 1.1 flaskscale\r\n\r\n";

TEST(ResponseHeadWriter, WritesTheWholeHeadAnew) {
  EXPECT_EQ(rewrite("HTTP/1.1 200 Fine\r\nServer: gunicorn\r\ndate:x\r\nConnection: keep-alive\r\n"
                    "Content-Length: 012\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"),
            "HTTP/1.1 200 Fine\r\nServer: gunicorn\r\ndate: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
            "Content-Length: 12\r\n" +
                kEnd);
}

TEST(ResponseHeadWriter, RemovesHopByHopFields) {
  EXPECT_EQ(rewrite("HTTP/1.1 200 OK\r\nConnection: X-Hop, Set-Cookie, Cache-Control\r\n"
                    "Keep-Alive: timeout=2\r\nX-Hop: 1\r\nSet-Cookie: a\r\nCache-Control: b\r\n"
                    "Proxy-Authenticate: c\r\nTE: x\r\nTrailer: X\r\nUpgrade: h2c\r\n"
                    "Proxy-Connection: d\r\nContent-Length: 1\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nCache-Control: b\r\nContent-Length: 1\r\n" + kEnd);
}

TEST(ResponseHeadWriter, GeneratesChunkedFramingWithItsTrailerField) {
  EXPECT_EQ(rewrite("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n" + kEnd);
}

TEST(ResponseHeadWriter, TurnsReadToCloseIntoChunkedIfTold) {
  const ParsedResponse parsed("HTTP/1.0 200 OK\r\nA: b\r\n\r\n");
  std::string out;
  write_response_head(parsed.head, Framing::chunked, Version::http11, ClientConnectionAfter::keep,
                      "", out);
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\nVia: 1.0 flaskscale\r\n\r\n");
}

TEST(ResponseHeadWriter, ClosesBehindABodyThatEndsWithTheConnection) {
  EXPECT_EQ(rewrite("HTTP/1.1 200 OK\r\n\r\n"), "HTTP/1.1 200 OK\r\nConnection: close\r\n" + kEnd);
}

TEST(ResponseHeadWriter, KeepsTheLengthThatHeadAnd304Name) {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
  EXPECT_EQ(rewrite(text, {.method = Method::head}),
            "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n" + kEnd);
  EXPECT_EQ(rewrite("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"x\"\r\n\r\n"),
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"x\"\r\n" + kEnd);
  EXPECT_EQ(
      rewrite("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {.method = Method::head}),
      "HTTP/1.1 200 OK\r\n" + kEnd);
}

TEST(ResponseHeadWriter, GivesNoLengthTo204) {
  EXPECT_EQ(rewrite("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
            "HTTP/1.1 204 No Content\r\n" + kEnd);
}

TEST(ResponseHeadWriter, SaysWhatHappensToTheConnection) {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
  const std::string begin = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n";
  EXPECT_EQ(rewrite(text, {.after = ClientConnectionAfter::close}),
            begin + "Connection: close\r\n" + kEnd);
  EXPECT_EQ(rewrite(text, {.client = Version::http10}),
            begin + "Connection: keep-alive\r\n" + kEnd);
  EXPECT_EQ(rewrite(text, {.client = Version::http10, .after = ClientConnectionAfter::close}),
            begin + "Connection: close\r\n" + kEnd);
}

TEST(ResponseHeadWriter, PassesSwitchingProtocols) {
  EXPECT_EQ(rewrite("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Accept: k\r\n\r\n"),
            "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: k\r\n"
            "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST(ResponseHeadWriter, PassesTheUpgradeThat426Asks) {
  const std::string out = rewrite(
      "HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
      "Content-Length: 0\r\n\r\n",
      {.after = ClientConnectionAfter::close});
  EXPECT_NE(out.find("Connection: close, upgrade\r\nUpgrade: websocket\r\n"), std::string::npos);
}

TEST(ResponseHeadWriter, AddsNothingToOtherInformationalHeads) {
  EXPECT_EQ(rewrite("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"),
            "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
  EXPECT_EQ(rewrite("HTTP/1.1 100 Continue\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(ResponseHeadWriter, KeepsTheRequestIdOfTheBackend) {
  const std::string out = rewrite("HTTP/1.1 200\r\nX-Request-ID: own\r\nContent-Length: 1\r\n\r\n");
  EXPECT_EQ(
      out,
      "HTTP/1.1 200 \r\nX-Request-ID: own\r\nContent-Length: 1\r\nVia: 1.1 flaskscale\r\n\r\n");
}

TEST(ChunkSize, IsHexadecimal) {
  std::string out;
  append_chunk_size(0, out);
  append_chunk_size(255, out);
  append_chunk_size(UINT64_MAX, out);
  EXPECT_EQ(out, "0\r\nff\r\nffffffffffffffff\r\n");
}

}  // namespace
}  // namespace flaskscale::http
