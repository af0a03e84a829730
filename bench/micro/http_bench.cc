// Cost of the HTTP/1.1 codec for one message. Budgets, release build: parse 0.4 us, rewrite 0.25 us
// for a browser's request of 300 bytes.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "proxy/http/body_decoder.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/http1_parser.h"

namespace {

using namespace flaskscale::http;

constexpr std::string_view kBrowserRequest =
    "GET /shop/items?page=2 HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=4f1c2a77d9e0\r\n"
    "\r\n";

constexpr std::string_view kSmallRequest =
    "GET / HTTP/1.1\r\n"
    "Host: 127.0.0.1:8080\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Server: gunicorn\r\n"
    "Date: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
    "Connection: keep-alive\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Length: 128\r\n"
    "\r\n";

constexpr HeadLimits kLimits;

void parse_request(benchmark::State& state, std::string_view bytes) {
  Http1RequestParser parser;
  RequestHead head;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(bytes, kLimits, head));
    benchmark::ClobberMemory();
  }
  state.counters["head_bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK_CAPTURE(parse_request, browser, kBrowserRequest);
BENCHMARK_CAPTURE(parse_request, small, kSmallRequest);

void rewrite_request(benchmark::State& state, std::string_view bytes) {
  Http1RequestParser parser;
  RequestHead head;
  benchmark::DoNotOptimize(parser.parse(bytes, kLimits, head));
  const RequestFacts facts{.client_address = "203.0.113.7",
                           .scheme = "https",
                           .request_id = "0123456789abcdef0123456789abcdef"};
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_request_head(head, facts, out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(rewrite_request, browser, kBrowserRequest);
BENCHMARK_CAPTURE(rewrite_request, small, kSmallRequest);

void parse_response(benchmark::State& state) {
  Http1ResponseParser parser;
  ResponseHead head;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.parse(kResponse, kLimits, Method::get, head));
    benchmark::ClobberMemory();
  }
  state.counters["head_bytes"] = static_cast<double>(kResponse.size());
}
BENCHMARK(parse_response);

void rewrite_response(benchmark::State& state) {
  Http1ResponseParser parser;
  ResponseHead head;
  benchmark::DoNotOptimize(parser.parse(kResponse, kLimits, Method::get, head));
  std::string out;
  for (auto _ : state) {
    out.clear();
    write_response_head(head, head.framing, Version::http11, ClientConnectionAfter::keep,
                        "0123456789abcdef0123456789abcdef", out);
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
}
BENCHMARK(rewrite_response);

// One body of 64 KiB in chunks of the given size; the copy that restores the input is part of it.
void decode_chunked(benchmark::State& state) {
  const auto chunk = static_cast<size_t>(state.range(0));
  std::string encoded;
  for (size_t sent = 0; sent < 65536; sent += chunk) {
    append_chunk_size(chunk, encoded);
    encoded.append(chunk, 'x').append("\r\n");
  }
  encoded.append("0\r\n\r\n");
  std::string buffer;
  BodyDecoder decoder;
  for (auto _ : state) {
    buffer.assign(encoded);
    decoder.start(Framing::chunked, 0, 0);
    benchmark::DoNotOptimize(decoder.decode(buffer.data(), buffer.size()));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * 65536);
}
BENCHMARK(decode_chunked)->Arg(64)->Arg(1024)->Arg(16384);

}  // namespace
