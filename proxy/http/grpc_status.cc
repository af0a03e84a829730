#include "proxy/http/grpc_status.h"

namespace flaskscale::http {
namespace {

// https://grpc.github.io/grpc/core/md_doc_statuscodes.html
constexpr uint8_t kUnknown = 2;
constexpr uint8_t kDeadlineExceeded = 4;
constexpr uint8_t kPermissionDenied = 7;
constexpr uint8_t kResourceExhausted = 8;
constexpr uint8_t kUnimplemented = 12;
constexpr uint8_t kInternal = 13;
constexpr uint8_t kUnavailable = 14;
constexpr uint8_t kUnauthenticated = 16;

}  // namespace

uint8_t grpc_status_of(uint16_t http_status) {
  switch (http_status) {
    case 400:
      return kInternal;
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
    case 501:
      return kUnimplemented;
    case 413:
    case 431:
      return kResourceExhausted;
    case 408:
    case 504:
      return kDeadlineExceeded;
    case 429:
    case 502:
    case 503:
      return kUnavailable;
    default:
      return kUnknown;
  }
}

void append_grpc_status(uint16_t http_status, std::string_view reason, std::string& lines) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  lines.append("grpc-status: ").append(std::to_string(grpc_status_of(http_status)));
  lines.append("\r\ngrpc-message: ");
  for (const char c : reason) {
    if (c >= 0x20 && c < 0x7F && c != '%') {
      lines.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    lines.push_back('%');
    lines.push_back(kDigits[byte >> 4U]);
    lines.push_back(kDigits[byte & 15U]);
  }
  lines.append("\r\n");
}

}  // namespace flaskscale::http
