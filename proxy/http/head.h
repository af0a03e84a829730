// The validated heads of HTTP messages, as views into the bytes that were parsed.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace flaskscale::http {

// In order: what HTTP/1.1 may, HTTP/2 may too.
enum class Version : uint8_t { http10, http11, http2 };

// How the end of a body is known (RFC 9112 section 6.3).
enum class Framing : uint8_t { none, content_length, chunked, until_close };

enum class Method : uint8_t {
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
  other
};

enum class TargetForm : uint8_t { origin, absolute, asterisk, authority };

struct Field {
  std::string_view name;   // as received; compare without case
  std::string_view value;  // no white space around it
};

// All views point into the bytes given to the parser and stand as long as those do not move.
// Objects are reused: clear() keeps the capacity of `fields`.
struct RequestHead {
  Method method = Method::get;
  std::string_view method_text;
  std::string_view target;  // as received
  TargetForm form = TargetForm::origin;
  std::string_view authority;  // Host, or the authority of an absolute-form target; "host[:port]"
  std::string_view path;       // path and query, beginning with '/'; "*" for asterisk-form
  Version version = Version::http11;
  std::vector<Field> fields;
  Framing framing = Framing::none;
  uint64_t content_length = 0;
  bool keep_alive = false;       // the client may send another request on this connection
  bool expect_continue = false;  // Expect: 100-continue, HTTP/1.1 only
  std::string_view upgrade;  // the Upgrade value when Connection names it (HTTP/1.1); else empty

  void clear();
};

struct ResponseHead {
  uint16_t status = 0;
  std::string_view reason;
  Version version = Version::http11;
  std::vector<Field> fields;
  Framing framing = Framing::none;
  uint64_t content_length = 0;
  bool keep_alive = false;
  std::string_view upgrade;

  void clear();
};

// GET, HEAD, OPTIONS, TRACE, PUT, DELETE (RFC 9110 section 9.2.2).
bool is_idempotent(Method method);

// The value of the first field with that name (compared without case), or an empty view.
std::string_view find_field(const std::vector<Field>& fields, std::string_view name);

}  // namespace flaskscale::http
