#include <algorithm>
#include <array>

#include "proxy/http/char_class.h"
#include "proxy/http/head_writer.h"

namespace flaskscale::http {
namespace {

// Inside of a JSON string or of HTML text: what could end it becomes '?' or an entity. The texts
// are ours or validated tokens, so that this only has to be safe, not beautiful.
void append_json(std::string_view text, std::string& out) {
  for (const char c : text) {
    const bool plain = c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
    out.push_back(plain ? c : '?');
  }
}

void append_html(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '"':
        out.append("&quot;");
        break;
      default:
        out.push_back(c >= 0x20 && c < 0x7F ? c : '?');
    }
  }
}

void append_json_body(const OwnAnswer& answer, std::string_view phrase, std::string& out) {
  out.append("{\"status\":").append(std::to_string(answer.status)).append(",\"error\":\"");
  append_json(phrase, out);
  out.append("\",\"reason\":\"");
  append_json(answer.reason, out);
  out.append("\",\"request_id\":\"");
  append_json(answer.request_id, out);
  out.append("\"}\n");
}

void append_html_body(const OwnAnswer& answer, std::string_view phrase, std::string& out) {
  const std::string status = std::to_string(answer.status);
  out.append("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
  out.append(status).append(" ").append(phrase);
  out.append("</title></head>\n<body><h1>").append(status).append(" ").append(phrase);
  out.append("</h1>\n<p>");
  append_html(answer.reason, out);
  out.append("</p>\n");
  if (!answer.request_id.empty()) {
    out.append("<p><small>Request id: ");
    append_html(answer.request_id, out);
    out.append("</small></p>\n");
  }
  out.append("</body></html>\n");
}

void append_field(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

// Quality in thousandths of a media range's parameters, 1000 if they name none or a bad one.
uint32_t quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const size_t semicolon = parameters.find(';');
    const std::string_view parameter = trim(parameters.substr(0, semicolon));
    parameters.remove_prefix(semicolon == std::string_view::npos ? parameters.size()
                                                                 : semicolon + 1);
    if (parameter.size() < 3 || to_lower(parameter[0]) != 'q' || parameter[1] != '=') continue;
    if (parameter[2] != '0') return 1000;
    uint32_t quality = 0;
    uint32_t unit = 100;
    for (size_t i = 4; i < parameter.size() && i < 7 && is_digit(parameter[i]); ++i) {
      quality += static_cast<uint32_t>(parameter[i] - '0') * unit;
      unit /= 10;
    }
    return quality;
  }
  return 1000;
}

// How much a type is wanted: quality first, then how exactly the range names it.
struct Preference {
  uint32_t quality = 0;
  uint32_t precision = 0;  // 0: not named, 1: */*, 2: type/*, 3: the type

  void take(uint32_t range_quality, uint32_t range_precision) {
    if (range_precision <= precision) return;
    quality = range_quality;
    precision = range_precision;
  }
  bool above(const Preference& other) const {
    return quality != other.quality ? quality > other.quality
                                    : quality > 0 && precision > other.precision;
  }
};

bool ends_with_json(std::string_view type) {
  constexpr std::string_view kSuffix = "+json";
  return type.size() > kSuffix.size() &&
         equals_lower(type.substr(type.size() - kSuffix.size()), kSuffix);
}

// What an answer of our own says itself.
bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 4> kOurs = {"cache-control", "content-type", "date",
                                                     "retry-after"};
  return std::any_of(kOurs.begin(), kOurs.end(),
                     [name](std::string_view ours) { return equals_lower(name, ours); });
}

}  // namespace

bool prefers_json(std::string_view accept) {
  Preference json;
  Preference html;
  for_each_element(accept, [&](std::string_view range) {
    const size_t semicolon = range.find(';');
    const std::string_view type = trim(range.substr(0, semicolon));
    const uint32_t quality =
        semicolon == std::string_view::npos ? 1000 : quality_of(range.substr(semicolon + 1));
    if (equals_lower(type, "application/json") || ends_with_json(type)) {
      // Between both in one list, the one named first counts.
      json.take(quality, html.precision == 3 && html.quality == quality ? 2 : 3);
    } else if (equals_lower(type, "text/html")) {
      html.take(quality, json.precision == 3 && json.quality == quality ? 2 : 3);
    } else if (equals_lower(type, "application/*")) {
      json.take(quality, 2);
    } else if (equals_lower(type, "text/*")) {
      html.take(quality, 2);
    } else if (type == "*/*") {
      json.take(quality, 1);
      html.take(quality, 1);
    }
    return true;
  });
  return json.above(html);
}

void append_answer_body(const OwnAnswer& answer, std::string& out) {
  const std::string_view phrase = status_phrase(answer.status);
  if (answer.wants_json) {
    append_json_body(answer, phrase, out);
  } else {
    append_html_body(answer, phrase, out);
  }
}

void append_answer_fields(const OwnAnswer& answer, size_t body_bytes, std::string& out) {
  if (!answer.date.empty()) append_field("Date", answer.date, out);
  append_field("Content-Type", answer.wants_json ? "application/json" : "text/html; charset=utf-8",
               out);
  append_field("Content-Length", std::to_string(body_bytes), out);
  append_field("Cache-Control", "no-store", out);
  if (!answer.request_id.empty()) append_field("X-Request-Id", answer.request_id, out);
  if (answer.retry_after_s != 0) {
    append_field("Retry-After", std::to_string(answer.retry_after_s), out);
  }
  if (answer.edits == nullptr) return;
  for (const FieldEdits::Line& line : answer.edits->added) {
    if (!is_ours(line.name)) append_field(line.name, line.value, out);
  }
}

void write_own_answer(const OwnAnswer& answer, std::string& out) {
  std::string body;
  append_answer_body(answer, body);
  out.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ");
  out.append(status_phrase(answer.status)).append("\r\n");
  append_answer_fields(answer, body.size(), out);
  if (answer.after == ClientConnectionAfter::close) {
    append_field("Connection", "close", out);
  } else if (answer.client_version == Version::http10) {
    append_field("Connection", "keep-alive", out);
  }
  out.append("\r\n");
  if (!answer.head_only) out.append(body);
}

}  // namespace flaskscale::http
