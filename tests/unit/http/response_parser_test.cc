#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/http/parse_support.h"

namespace flaskscale::http {
namespace {

using namespace std::string_literals;

constexpr std::string_view kGunicorn =
    "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
    "Connection: keep-alive\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n";

std::string complete(std::string_view text) { return "complete " + std::to_string(text.size()); }

std::string answer(const std::string& status_line, const std::string& lines = "") {
  return status_line + "\r\n" + lines + "\r\n";
}

TEST(ResponseParser, ReadsEveryPart) {
  const ParsedResponse parsed(kGunicorn);

  ASSERT_EQ(parsed.outcome, complete(kGunicorn));
  EXPECT_EQ(parsed.head.status, 200);
  EXPECT_EQ(parsed.head.reason, "OK");
  EXPECT_EQ(parsed.head.framing, Framing::content_length);
  EXPECT_EQ(parsed.head.content_length, 12u);
  EXPECT_TRUE(parsed.head.keep_alive);
  EXPECT_EQ(parsed.head.fields.size(), 5u);
}

TEST(ResponseParser, GivesTheSameResultForEverySplit) {
  const std::string text = std::string(kGunicorn) + "hello world\n";
  for (size_t split = 0; split <= text.size(); ++split) {
    EXPECT_EQ(response_outcome_split_at(text, split), complete(kGunicorn)) << split;
  }
}

TEST(ResponseParser, AcceptsAnEmptyReason) {
  EXPECT_EQ(ParsedResponse(answer("HTTP/1.1 404 ")).head.status, 404);
  const ParsedResponse without_space(answer("HTTP/1.1 404"));
  EXPECT_TRUE(without_space.outcome.starts_with("complete")) << without_space.outcome;
  EXPECT_EQ(without_space.head.reason, "");
  EXPECT_EQ(ParsedResponse(answer("HTTP/1.1 200 All is well")).head.reason, "All is well");
}

TEST(ResponseParser, ChoosesTheFraming) {
  EXPECT_EQ(ParsedResponse(answer("HTTP/1.1 200 OK")).head.framing, Framing::until_close);
  EXPECT_EQ(ParsedResponse(answer("HTTP/1.1 200 OK", "Content-Length: 0\r\n")).head.framing,
            Framing::content_length);
  EXPECT_EQ(
      ParsedResponse(answer("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n")).head.framing,
      Framing::chunked);
  EXPECT_EQ(ParsedResponse(answer("HTTP/1.1 204 No Content")).head.framing, Framing::none);
  EXPECT_EQ(ParsedResponse(answer("HTTP/1.1 100 Continue")).head.framing, Framing::none);
  EXPECT_EQ(ParsedResponse(answer("HTTP/1.1 103 Early Hints", "Link: </a>\r\n")).head.framing,
            Framing::none);
  const ParsedResponse not_modified(answer("HTTP/1.1 304 Not Modified", "Content-Length: 7\r\n"));
  EXPECT_EQ(not_modified.head.framing, Framing::none);
  EXPECT_EQ(not_modified.head.content_length, 7u);
  const ParsedResponse head(kGunicorn, Method::head);
  EXPECT_EQ(head.head.framing, Framing::none);
  EXPECT_EQ(head.head.content_length, 12u);
  const ParsedResponse chunked_head(answer("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n"),
                                    Method::head);
  EXPECT_EQ(chunked_head.head.framing, Framing::none);
}

TEST(ResponseParser, ComputesKeepAliveForBothVersions) {
  const std::string length = "Content-Length: 1\r\n";
  EXPECT_TRUE(ParsedResponse(answer("HTTP/1.1 200 OK", length)).head.keep_alive);
  EXPECT_FALSE(
      ParsedResponse(answer("HTTP/1.1 200 OK", length + "Connection: close\r\n")).head.keep_alive);
  EXPECT_FALSE(ParsedResponse(answer("HTTP/1.0 200 OK", length)).head.keep_alive);
  EXPECT_TRUE(ParsedResponse(answer("HTTP/1.0 200 OK", length + "Connection: keep-alive\r\n"))
                  .head.keep_alive);
  EXPECT_FALSE(ParsedResponse(answer("HTTP/1.1 200 OK")).head.keep_alive);
  EXPECT_FALSE(
      ParsedResponse(answer("HTTP/1.0 200 OK", "Connection: keep-alive\r\n")).head.keep_alive);
}

TEST(ResponseParser, ReportsSwitchingProtocols) {
  const ParsedResponse parsed(
      answer("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));

  ASSERT_TRUE(parsed.outcome.starts_with("complete"));
  EXPECT_EQ(parsed.head.upgrade, "websocket");
  EXPECT_EQ(parsed.head.framing, Framing::none);
  EXPECT_EQ(ParsedResponse(answer("HTTP/1.1 101 Switching Protocols")).outcome,
            "502 bad_switching_protocols");
}

TEST(ResponseParser, ToleratesAnEmptyLengthOn204) {
  const ParsedResponse parsed(answer("HTTP/1.1 204 No Content", "Content-Length: 0\r\n"));
  EXPECT_TRUE(parsed.outcome.starts_with("complete"));
  EXPECT_EQ(parsed.head.framing, Framing::none);
}

TEST(ResponseParser, RefusesWhatFramesTheBodyInDoubt) {
  const std::string ok = "HTTP/1.1 200 OK";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"502 duplicate_content_length", answer(ok, "Content-Length: 5\r\nContent-Length: 5\r\n")},
      {"502 length_and_transfer_encoding",
       answer(ok, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
      {"502 length_and_transfer_encoding",
       answer(ok, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
      {"502 unsupported_transfer_encoding", answer(ok, "Transfer-Encoding: gzip\r\n")},
      {"502 unsupported_transfer_encoding", answer(ok, "Transfer-Encoding: gzip, chunked\r\n")},
      {"502 transfer_encoding_in_http10",
       answer("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n")},
      {"502 content_not_allowed", answer("HTTP/1.1 204 No Content", "Content-Length: 5\r\n")},
      {"502 content_not_allowed", answer("HTTP/1.1 100 Continue", "Content-Length: 0\r\n")},
      {"502 content_not_allowed",
       answer("HTTP/1.1 204 No Content", "Transfer-Encoding: chunked\r\n")},
      {"502 bad_content_length", answer(ok, "Content-Length: +5\r\n")},
      {"502 bad_content_length", answer(ok, "Content-Length: 18446744073709551616\r\n")},
  };
  for (const auto& [outcome, bytes] : cases) {
    EXPECT_EQ(ParsedResponse(bytes).outcome, outcome) << bytes;
    for (size_t split = 0; split <= bytes.size(); ++split) {
      EXPECT_EQ(response_outcome_split_at(bytes, split), outcome) << bytes << split;
    }
  }
}

TEST(ResponseParser, RefusesMalformedHeads) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"502 bad_status_line", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
      {"502 bad_status_line", "hello"},
      {"502 bad_status_line", "HTTP/1.1 99 Low\r\n\r\n"},
      {"502 bad_status_line", "HTTP/1.1 099 Low\r\n\r\n"},
      {"502 bad_status_line", "HTTP/1.1 600 High\r\n\r\n"},
      {"502 bad_status_line", "HTTP/1.1 2000 OK\r\n\r\n"},
      {"502 bad_status_line", "HTTP/1.1 20 OK\r\n\r\n"},
      {"502 bad_status_line", "HTTP/1.1  200 OK\r\n\r\n"},
      {"502 bad_status_line", "HTTP/1.1 200OK\r\n\r\n"},
      {"502 bad_status_line", "HTTP/1.1\r\n\r\n"},
      {"502 http_version_not_supported", "HTTP/2.0 200 OK\r\n\r\n"},
      {"502 http_version_not_supported", "HTTP/0.9 200 OK\r\n\r\n"},
      {"502 bare_lf", "HTTP/1.1 200 OK\nA: b\r\n\r\n"},
      {"502 bare_lf", "HTTP/1.1 200 OK\r\nA: b\n\r\n"},
      {"502 bare_cr", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"},
      {"502 bare_cr", "HTTP/1.1 200 O\rK\r\n\r\n"},
      {"502 obs_fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"},
      {"502 control_byte", "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"s},
      {"502 empty_field_name", "HTTP/1.1 200 OK\r\n: b\r\n\r\n"},
      {"502 bad_field_line", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n"},
      {"502 bad_connection", "HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n"},
  };
  for (const auto& [outcome, bytes] : cases) {
    EXPECT_EQ(ParsedResponse(bytes).outcome, outcome) << bytes;
  }
}

TEST(ResponseParser, EnforcesItsLimits) {
  const HeadLimits limits{.head_bytes = 64, .fields = 2};
  EXPECT_EQ(ParsedResponse("HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nE: f\r\n\r\n", Method::get, limits)
                .outcome,
            "502 too_many_fields");
  EXPECT_EQ(
      ParsedResponse("HTTP/1.1 200 OK\r\nA: " + std::string(64, 'b'), Method::get, limits).outcome,
      "502 head_too_large");
}

TEST(ResponseParser, ReadsAFinalHeadBehindAnInformationalOne) {
  const std::string first = "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string both = first + std::string(kGunicorn);
  Http1ResponseParser parser;
  ResponseHead head;

  ASSERT_EQ(describe(parser.parse(both, {}, Method::post, head)), complete(first));
  ASSERT_EQ(
      describe(parser.parse(std::string_view(both).substr(first.size()), {}, Method::post, head)),
      complete(kGunicorn));

  EXPECT_EQ(head.status, 200);
}

}  // namespace
}  // namespace flaskscale::http
