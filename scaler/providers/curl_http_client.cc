#include "scaler/providers/curl_http_client.h"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace flaskscale::scaler {
namespace {

constexpr size_t kMostHeaderBytes = 256U << 10U;

// libcurl's own initialisation is not thread-safe in all its builds, a local static's is. It is
// never undone: other users of libcurl may be in this process.
CURLcode initialise_once() {
  static const CURLcode kResult = curl_global_init(CURL_GLOBAL_DEFAULT);
  return kResult;
}

struct HeaderList {
  curl_slist* first = nullptr;
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(first); }
  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(first, line.c_str());
    if (longer != nullptr) first = longer;
  }
};

// What one call has received so far.
struct Exchange {
  CURL* curl;
  const HttpRequest& request;
  const std::atomic<bool>& cancelled;
  HttpResponse response;
  size_t received = 0;
  size_t header_bytes = 0;
  bool too_large = false;
  bool declined = false;  // by on_body
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

size_t on_header(char* data, size_t /*one*/, size_t size, void* user) noexcept {
  Exchange& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size);
  exchange.header_bytes += size;
  if (exchange.header_bytes > kMostHeaderBytes) {
    exchange.too_large = true;
    return 0;
  }
  if (line.starts_with("HTTP/")) {  // of the response, or of an interim one before it
    exchange.response.headers.clear();
    return size;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    exchange.response.headers.emplace_back(lower_case(trimmed(line.substr(0, colon))),
                                           trimmed(line.substr(colon + 1)));
  }
  return size;
}

bool is_streamed(const Exchange& exchange) {
  if (!exchange.request.on_body) return false;
  long status = 0;
  curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
  return status >= 200 && status < 300;
}

size_t on_body(char* data, size_t /*one*/, size_t size, void* user) noexcept {
  Exchange& exchange = *static_cast<Exchange*>(user);
  if (size > exchange.request.most_bytes - exchange.received) {
    exchange.too_large = true;
    return size + 1;  // any other number than `size` ends the exchange, also for an empty piece
  }
  exchange.received += size;
  const std::string_view piece(data, size);
  if (!is_streamed(exchange)) {
    exchange.response.body += piece;
    return size;
  }
  exchange.declined = !exchange.request.on_body(piece);
  return exchange.declined ? size + 1 : size;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return static_cast<Exchange*>(user)->cancelled.load(std::memory_order_relaxed) ? 1 : 0;
}

curl_socket_t open_socket(void* /*user*/, curlsocktype /*purpose*/, curl_sockaddr* address) {
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c < 0x7f && c != ':' && c != '(' && c != ')' && c != ',' && c != '"';
  });
}

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// "host:port" as the URL has it, without credentials.
std::string_view authority_of(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const size_t user = url.rfind('@');
  return user == std::string_view::npos ? url : url.substr(user + 1);
}

std::string_view host_of(std::string_view url) {
  const std::string_view authority = authority_of(url);
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

bool must_be_direct(const HttpRequest& request) {
  if (!request.unix_socket.empty()) return true;
  const std::string host = lower_case(host_of(request.url));
  return host == "localhost" || host.ends_with(".localhost") || host.starts_with("127.") ||
         host == "[::1]" || host.starts_with("169.254.") || host == "metadata.google.internal" ||
         host == "metadata";
}

// Neither queries nor credentials: those are no business of a log.
std::string name_of(const HttpRequest& request) {
  const std::string_view url =
      std::string_view(request.url).substr(0, request.url.find_first_of("?#"));
  const size_t scheme_end = url.find("://");
  const size_t host = scheme_end == std::string_view::npos ? 0 : scheme_end + 3;
  const size_t path = std::min(url.find('/', host), url.size());
  std::string name = request.method + " ";
  if (request.unix_socket.empty()) {
    name.append(url.substr(0, host)).append(authority_of(url));
  } else {
    name.append(request.unix_socket).append(":");
  }
  return name.append(url.substr(path));
}

Result<void> refuse_dubious(const HttpRequest& request) {
  bool fine = is_token(request.method) && is_one_line(request.url);
  for (const auto& [name, value] : request.headers)
    fine = fine && is_token(name) && is_one_line(value);
  if (fine) return {};
  return make_error(ErrorCode::invalid_argument,
                    "an HTTP request with a line break or an odd character in its head");
}

long milliseconds(Duration duration) {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<long>(std::max<decltype(count)>(count, 1));  // 0 would mean libcurl's default
}

ErrorCode code_of_transfer(CURLcode result) {
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return ErrorCode::resolve_failed;
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PROXY:
      return ErrorCode::connect_failed;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
      return ErrorCode::closed_by_peer;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return ErrorCode::bad_message;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
      return ErrorCode::misconfigured;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return ErrorCode::invalid_argument;
    case CURLE_FILESIZE_EXCEEDED:
      return ErrorCode::too_large;
    case CURLE_ABORTED_BY_CALLBACK:
      return ErrorCode::cancelled;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
      return ErrorCode::internal;
    default:
      return ErrorCode::io_error;
  }
}

Error error_of(CURLcode result, const Exchange& exchange, const char* text) {
  const std::string what = name_of(exchange.request) + ": ";
  if (exchange.too_large) {
    return make_error(ErrorCode::too_large, what + "the response is longer than " +
                                                format_size(exchange.request.most_bytes));
  }
  if (exchange.declined) return make_error(ErrorCode::cancelled, what + "given up by its caller");
  ErrorCode code = code_of_transfer(result);
  curl_off_t connected = 0;  // microseconds until the request could be sent
  curl_easy_getinfo(exchange.curl, CURLINFO_PRETRANSFER_TIME_T, &connected);
  if (result == CURLE_OPERATION_TIMEDOUT) {
    code = connected == 0 ? ErrorCode::connect_timed_out : ErrorCode::timed_out;
  } else if (result == CURLE_UNSUPPORTED_PROTOCOL && connected != 0) {
    code = ErrorCode::bad_message;  // what came is no HTTP
  } else if (result == CURLE_COULDNT_CONNECT) {
    long number = 0;
    curl_easy_getinfo(exchange.curl, CURLINFO_OS_ERRNO, &number);
    if (number == EACCES || number == EPERM) code = ErrorCode::permission_denied;
    if (number != 0) {
      const Error reason = error_from_errno(static_cast<int>(number), what + "connect");
      return make_error(code, reason.detail);
    }
  }
  const std::string detail = text[0] != '\0' ? text : curl_easy_strerror(result);
  return make_error(code, what + detail);
}

}  // namespace

struct CurlHttpClient::Handle {
  CURL* curl;
  explicit Handle(CURL* made) : curl(made) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { curl_easy_cleanup(curl); }
};

namespace {

void set_method(CURL* curl, const HttpRequest& request) {
  const std::string& method = request.method;
  if (method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool with_body =
      !request.body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
  if (with_body) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (method != (with_body ? "POST" : "GET")) {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
}

void set_headers(CURL* curl, const HttpRequest& request, HeaderList& list) {
  bool has_type = false;
  bool has_agent = false;
  for (const auto& [name, value] : request.headers) {
    has_type = has_type || equals_ignoring_case(name, "content-type");
    has_agent = has_agent || equals_ignoring_case(name, "user-agent");
    list.add(value.empty() ? name + ";" : name + ": " + value);
  }
  // What libcurl would add by itself: a wait for 100 Continue, and a form's type.
  list.add("Expect:");
  if (!has_type) list.add("Content-Type:");
  if (!has_agent) list.add("User-Agent: flaskscale");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.first);
}

void set_trust(CURL* curl, const CurlSettings& settings) {
  if (!settings.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, settings.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  if (!settings.client_cert.empty()) {
    curl_easy_setopt(curl, CURLOPT_SSLCERT, settings.client_cert.c_str());
    curl_easy_setopt(curl, CURLOPT_SSLKEY, settings.client_key.c_str());
  }
}

void set_route(CURL* curl, const HttpRequest& request) {
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  if (!request.unix_socket.empty()) {
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  }
  if (must_be_direct(request)) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(request.timeout));
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

void set_receivers(Exchange& exchange) {
  CURL* curl = exchange.curl;
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
}

}  // namespace

CurlHttpClient::CurlHttpClient(CurlSettings settings) : settings_(std::move(settings)) {
  if (initialise_once() != CURLE_OK) return;
  if (CURL* curl = curl_easy_init(); curl != nullptr) handle_ = std::make_unique<Handle>(curl);
}

CurlHttpClient::~CurlHttpClient() = default;

void CurlHttpClient::cancel() { cancelled_.store(true, std::memory_order_relaxed); }

Result<HttpResponse> CurlHttpClient::send(const HttpRequest& request) {
  if (handle_ == nullptr) return make_error(ErrorCode::internal, "libcurl could not be set up");
  if (const Result<void> sound = refuse_dubious(request); !sound) return sound.error();
  if (cancelled_.load(std::memory_order_relaxed)) {
    return make_error(ErrorCode::cancelled, name_of(request) + ": given up by its caller");
  }
  CURL* curl = handle_->curl;
  curl_easy_reset(curl);  // the options of the call before; kept connections stay
  Exchange exchange{curl, request, cancelled_, {}, 0, 0, false, false};
  HeaderList headers;
  char text[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
  set_route(curl, request);
  set_trust(curl, settings_);
  set_method(curl, request);
  set_headers(curl, request, headers);
  set_receivers(exchange);

  const CURLcode result = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);  // it ends with this call
  if (result != CURLE_OK) return error_of(result, exchange, text);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace flaskscale::scaler
