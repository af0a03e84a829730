// Heads that two parsers could read differently, or that no server should accept.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

using namespace std::string_literals;

struct Case {
  std::string outcome;
  std::string bytes;
};

// Every split gives the same answer, and no further byte is needed for it.
void expect_all(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    EXPECT_EQ(ParsedRequest(one.bytes).outcome, one.outcome) << one.bytes;
    for (size_t split = 0; split <= one.bytes.size(); ++split) {
      EXPECT_EQ(request_outcome_split_at(one.bytes, split), one.outcome) << one.bytes << split;
    }
  }
}

std::string get(const std::string& lines) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n";
}
std::string post(const std::string& lines) {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n";
}

TEST(MalformedRequest, BadLineEndsAreRefused) {
  expect_all({
      {"400 bare_lf", "GET / HTTP/1.1\nHost: h\r\n\r\n"},
      {"400 bare_lf", "GET / HTTP/1.1\r\nHost: h\n\r\n"},
      {"400 bare_lf", "GET / HTTP/1.1\r\nHost: h\r\n\n"},
      {"400 bare_lf", "GET / HTTP/1.1\r\nHost: h\r\nX: a\nContent-Length: 5\r\n\r\n"},
      {"400 bare_lf", "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"400 bare_cr", "GET / HTTP/1.1\rHost: h\r\n\r\n"},
      {"400 bare_cr", get("X: a\rb\r\n")},
      {"400 bare_cr", get("X:\rContent-Length: 5\r\n")},
      {"400 bare_cr", "GET / HTTP/1.1\r\nHost: h\r\n\rX\r\n\r\n"},
      {"400 bare_cr", get("X: a\r\r\n")},
  });
}

TEST(MalformedRequest, FoldedAndNamelessLinesAreRefused) {
  expect_all({
      {"400 obs_fold", get("X: a\r\n b\r\n")},
      {"400 obs_fold", get("X: a\r\n\tContent-Length: 5\r\n")},
      {"400 obs_fold", get("Transfer-Encoding:\r\n chunked\r\n")},
      {"400 obs_fold", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"},
      {"400 obs_fold", "GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n"},
      {"400 empty_field_name", get(": a\r\n")},
      {"400 empty_field_name", "GET / HTTP/1.1\r\n:\r\nHost: h\r\n\r\n"},
  });
}

TEST(MalformedRequest, BadFieldNamesAreRefused) {
  expect_all({
      {"400 bad_field_line", get("X : a\r\n")},
      {"400 bad_field_line", get("Content-Length : 5\r\n")},
      {"400 bad_field_line", get("Transfer-Encoding : chunked\r\n")},
      {"400 bad_field_line", get("Transfer-Encoding\t: chunked\r\n")},
      {"400 bad_field_line", get("Host : h\r\n")},
      {"400 bad_field_line", get("X Y: a\r\n")},
      {"400 bad_field_line", get("X(Y): a\r\n")},
      {"400 bad_field_line", get("X\"Y: a\r\n")},
      {"400 bad_field_line", get("no colon at all\r\n")},
      {"400 bad_field_line", get("X\x80: a\r\n")},
      {"400 bad_field_line", get("Content-Length\r\n")},
  });
}

TEST(MalformedRequest, ControlBytesAreRefused) {
  expect_all({
      {"400 control_byte", get("X: a\0b\r\n"s)},
      {"400 control_byte", get("X\0: a\r\n"s)},
      {"400 control_byte", get("X: a\x01\r\n")},
      {"400 control_byte", get("X: a\x7F\r\n")},
      {"400 control_byte", get("X: a\x0B\r\n")},
      {"400 control_byte", get("Transfer-Encoding: \x0B"
                               "chunked\r\n")},
      {"400 control_byte", get("Transfer-Encoding: chunked\x0C\r\n")},
      {"400 bad_request_line", "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"s},
      {"400 bad_request_line", "GET /a\x1F HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET /\x7F HTTP/1.1\r\nHost: h\r\n\r\n"},
  });
}

TEST(MalformedRequest, BadRequestLinesAreRefused) {
  expect_all({
      {"400 bad_request_line", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET /  HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", " GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET /\r\n\r\n"},
      {"400 bad_request_line", "GET\r\n\r\n"},
      {"400 bad_request_line", "GET / \r\n\r\n"},
      {"400 bad_request_line", "GET / http/1.1\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET / HTTP/1.10\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET / HTTP/11\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET / HTTP/1.x\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "GET / RTSP/1.0\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "SOURCE /live ICE/1.0\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "G@T / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"400 bad_request_line", "\x80GET / HTTP/1.1\r\n"},
      {"400 bad_request_line", "GET\t/\tHTTP/1.1 / HTTP/1.1\r\n\r\n"},
  });
}

TEST(MalformedRequest, GarbageIsRefusedFromItsFirstBytes) {
  EXPECT_EQ(ParsedRequest("\x16\x03\x01\x02"s).outcome, "400 bad_request_line");
  EXPECT_EQ(ParsedRequest("{\"a\"").outcome, "400 bad_request_line");
  EXPECT_EQ(ParsedRequest(std::string(25, 'A')).outcome, "400 bad_request_line");
  EXPECT_EQ(ParsedRequest("\0"s).outcome, "400 bad_request_line");
}

TEST(MalformedRequest, OtherVersionsAreNotSupported) {
  expect_all({
      {"505 http_version_not_supported", "GET / HTTP/0.9\r\nHost: h\r\n\r\n"},
      {"505 http_version_not_supported", "GET / HTTP/1.2\r\nHost: h\r\n\r\n"},
      {"505 http_version_not_supported", "GET / HTTP/2.0\r\nHost: h\r\n\r\n"},
      {"505 http_version_not_supported", "GET / HTTP/3.0\r\nHost: h\r\n\r\n"},
      {"505 http_version_not_supported", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
  });
}

TEST(MalformedRequest, OtherMethodsAreNotImplemented) {
  for (const std::string method :
       {"FOO", "get", "Get", "PRI", "SOURCE", "DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "PAUSE",
        "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER", "REDIRECT", "RECORD", "FLUSH", "QUERY"}) {
    expect_all({{"501 method_not_implemented", method + " / HTTP/1.1\r\nHost: h\r\n\r\n"}});
  }
  expect_all({{"501 connect_refused", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n"},
              {"400 bad_target", "CONNECT /path HTTP/1.1\r\nHost: h\r\n\r\n"},
              {"400 bad_target", "CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n"}});
}

TEST(MalformedRequest, BadTargetsAreRefused) {
  for (const std::string target :
       {"/a#fragment", "index.html", "http://", "http:///a", "http://user@h/", "ftp://h/a",
        "http://h?query", "h:80", "*/", "http//h/", "http://h:99999/", "http://h:0/"}) {
    const std::string bytes = "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_EQ(ParsedRequest(bytes).outcome, "400 bad_target") << target;
  }
}

TEST(MalformedRequest, HostMustBeOneAndValid) {
  expect_all({
      {"400 missing_host", "GET / HTTP/1.1\r\n\r\n"},
      {"400 missing_host", "GET http://h/ HTTP/1.1\r\n\r\n"},
      {"400 duplicate_host", get("Host: h\r\n")},
      {"400 duplicate_host", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
      {"400 host_mismatch", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"},
      {"400 host_mismatch", "GET http://a/ HTTP/1.1\r\nHost: a:443\r\n\r\n"},
      {"400 host_mismatch", "GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n"},
  });
  for (const std::string host :
       {"",        "a b",          "a/b",         "u@h",       "h:",        "h:0",
        "h:65536", "h:8x",         "h:80:80",     "[::1",      "::1",       "[::1]x",
        "[]",      "[::1%25eth0]", "[1:2]",       "[1::2::3]", "[::1.2.3]", "a%zzb",
        "a%00b",   "a\\b",         "caf\xC3\xA9", "a?b",       "a#b",       "[12345::]"}) {
    const std::string outcome =
        ParsedRequest("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n").outcome;
    EXPECT_EQ(outcome, "400 bad_host") << host;
  }
}

TEST(MalformedRequest, ContentLengthMustBeOnePlainNumber) {
  expect_all({
      {"400 bad_content_length", post("Content-Length: +5\r\n")},
      {"400 bad_content_length", post("Content-Length: -5\r\n")},
      {"400 bad_content_length", post("Content-Length: 0x5\r\n")},
      {"400 bad_content_length", post("Content-Length: 5 5\r\n")},
      {"400 bad_content_length", post("Content-Length: 5, 5\r\n")},
      {"400 bad_content_length", post("Content-Length: 5,6\r\n")},
      {"400 bad_content_length", post("Content-Length:\r\n")},
      {"400 bad_content_length", post("Content-Length: \r\n")},
      {"400 bad_content_length", post("Content-Length: 5;\r\n")},
      {"400 bad_content_length", post("Content-Length: abc\r\n")},
      {"400 bad_content_length", post("Content-Length: 9223372036854775808\r\n")},
      {"400 bad_content_length", post("Content-Length: 18446744073709551616\r\n")},
      {"400 bad_content_length", post("Content-Length: 99999999999999999999999\r\n")},
      {"400 bad_content_length", post("Content-Length: 00000000000000000000\r\n")},
      {"400 duplicate_content_length", post("Content-Length: 5\r\nContent-Length: 5\r\n")},
      {"400 duplicate_content_length", post("Content-Length: 5\r\ncontent-length: 6\r\n")},
  });
}

TEST(MalformedRequest, TransferEncodingMustBeExactlyChunked) {
  expect_all({
      {"400 length_and_transfer_encoding",
       post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
      {"400 length_and_transfer_encoding",
       post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
      {"400 length_and_transfer_encoding", post("Transfer-Encoding: x\r\nContent-Length: 5\r\n")},
      {"400 transfer_encoding_in_http10",
       "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"501 unsupported_transfer_encoding", post("Transfer-Encoding: gzip, chunked\r\n")},
      {"501 unsupported_transfer_encoding", post("Transfer-Encoding: identity\r\n")},
      {"501 unsupported_transfer_encoding", post("Transfer-Encoding: xchunked\r\n")},
      {"501 unsupported_transfer_encoding", post("Transfer-Encoding: chunkedx\r\n")},
      {"501 unsupported_transfer_encoding", post("Transfer-Encoding: \"chunked\"\r\n")},
      {"501 unsupported_transfer_encoding", post("Transfer-Encoding: chunked;q=1\r\n")},
      {"501 unsupported_transfer_encoding", post("Transfer-Encoding:\r\n")},
  });
  // llhttp refuses some of these itself; what matters is that none is accepted.
  for (const std::string lines :
       {"Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked,\r\n", "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chun ked\r\n"}) {
    const std::string outcome = ParsedRequest(post(lines)).outcome;
    EXPECT_TRUE(outcome.starts_with("400 ") || outcome.starts_with("501 ")) << lines << outcome;
  }
}

TEST(MalformedRequest, OddConnectionOptionsAndTraceBodiesAreRefused) {
  std::string many = "Connection: a";
  for (int i = 0; i < 32; ++i) many += ", a";
  expect_all(
      {{"400 bad_connection", get("Connection: a b\r\n")},
       {"400 bad_connection", get("Connection: \"close\"\r\n")},
       {"400 bad_connection", get(many + "\r\n")},
       {"400 trace_with_content", "TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n"}});
}

TEST(MalformedRequest, ABadByteIsSeenAtEveryPlace) {
  const std::string good = get("X-Long: " + std::string(150, 'v') + "\r\nY: z\r\n");
  ASSERT_TRUE(ParsedRequest(good).outcome.starts_with("complete"));
  for (const char bad : {'\0', '\x01', '\n', '\r', '\x1F', '\x7F'}) {
    for (size_t place = 1; place < good.size(); ++place) {
      if (good[place] == '\r' || good[place] == '\n') continue;
      std::string bytes = good;
      bytes[place] = bad;
      EXPECT_TRUE(ParsedRequest(bytes).outcome.starts_with("400 ")) << int{bad} << " " << place;
    }
  }
}

TEST(MalformedRequest, TheParserIsReadyAfterwards) {
  Http1RequestParser parser;
  RequestHead head;
  (void)parser.parse("GET / HTTP/1.1\r\nX\n", {}, head);
  EXPECT_TRUE(describe(parser.parse(get(""), {}, head)).starts_with("complete"));
}

}  // namespace
}  // namespace flaskscale::http
