#include "tests/support/gce/web_parse.h"

#include <charconv>
#include <string_view>

#include "base/text.h"

namespace flaskscale::emulator {
namespace {

constexpr size_t kLongestHead = 65'536;
constexpr size_t kLongestBody = 16U << 20U;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool read_head(std::string_view head, WebRequest& request) {
  const size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  if (first == std::string_view::npos || second <= first || !line.ends_with("HTTP/1.1")) {
    return false;
  }
  request.verb = std::string(line.substr(0, first));
  request.target = std::string(line.substr(first + 1, second - first - 1));
  request.headers.clear();
  request.body.clear();
  std::string_view rest = head.substr(line_end + 2);
  while (!rest.empty()) {
    const size_t end = rest.find("\r\n");
    const std::string_view field = rest.substr(0, end);
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    request.headers.emplace_back(lower_case(field.substr(0, colon)),
                                 std::string(trimmed(field.substr(colon + 1))));
    rest = rest.substr(end + 2);
  }
  return true;
}

bool read_number(std::string_view text, int base, size_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end != text.data() && number <= kLongestBody;
}

// The body and its length on the wire.
WebParse read_chunks(std::string_view bytes, std::string& body, size_t& taken) {
  size_t at = 0;
  for (;;) {
    const size_t line_end = bytes.find("\r\n", at);
    if (line_end == std::string_view::npos) return WebParse::incomplete;
    size_t length = 0;
    if (!read_number(bytes.substr(at, line_end - at), 16, length)) return WebParse::bad;
    at = line_end + 2;
    if (bytes.size() < at + length + 2) return WebParse::incomplete;
    if (length == 0) {
      taken = at + 2;  // trailers are not expected from any client here
      return WebParse::complete;
    }
    body.append(bytes.substr(at, length));
    if (body.size() > kLongestBody) return WebParse::bad;
    at += length + 2;
  }
}

const char* words_of(int status) {
  if (status == 200) return "OK";
  if (status == 400) return "Bad Request";
  if (status == 404) return "Not Found";
  return status < 500 ? "Refused" : "Server Error";
}

}  // namespace

WebParse take_request(std::string& received, WebRequest& request, bool& wants_continue) {
  wants_continue = false;
  const size_t end = received.find("\r\n\r\n");
  if (end == std::string::npos) {
    return received.size() > kLongestHead ? WebParse::bad : WebParse::incomplete;
  }
  if (!read_head(std::string_view(received).substr(0, end + 2), request)) return WebParse::bad;
  const std::string_view bytes = std::string_view(received).substr(end + 4);
  size_t taken = 0;
  WebParse parsed = WebParse::complete;
  if (lower_case(request.header("transfer-encoding")) == "chunked") {
    parsed = read_chunks(bytes, request.body, taken);
  } else if (const auto length = request.header("content-length"); !length.empty()) {
    if (!read_number(length, 10, taken)) return WebParse::bad;
    if (bytes.size() < taken) {
      parsed = WebParse::incomplete;
    } else {
      request.body = std::string(bytes.substr(0, taken));
    }
  }
  if (parsed == WebParse::incomplete) {
    wants_continue = lower_case(request.header("expect")) == "100-continue";
  }
  if (parsed == WebParse::complete) received.erase(0, end + 4 + taken);
  return parsed;
}

std::string to_wire(const WebReply& reply, bool keep_alive) {
  std::string text =
      "HTTP/1.1 " + std::to_string(reply.status) + " " + words_of(reply.status) + "\r\n";
  for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
  text += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  text += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  return text + reply.body;
}

}  // namespace flaskscale::emulator
