#include "tests/support/gce/emulator.h"

#include <cmath>
#include <limits>
#include <utility>

#include "tests/support/gce/list_query.h"

namespace flaskscale::emulator {
namespace {

constexpr uint64_t kSampled = 50;  // each so manieth response is checked unless all are

WebReply http_fault(const Json& fault) {
  const int status = static_cast<int>(number_of(fault, "status", 503));
  WebReply reply;
  if (fault.contains("body")) {
    reply = WebReply::text(status, text_of(fault, "body"));
  } else if (flag_of(fault, "html")) {
    reply = {status,
             {{"Content-Type", "text/html; charset=UTF-8"}},
             "<!DOCTYPE html><html lang=en><title>Error</title><p><b>" + std::to_string(status) +
                 ".</b> <ins>That's an error.</ins><p>The server encountered a temporary error."};
  } else {
    const ApiError error{status, text_of(fault, "reason", "backendError"),
                         text_of(fault, "message", "Internal error encountered."),
                         text_of(fault, "detail_reason")};
    reply = WebReply::json(status, error.body());
  }
  if (fault.contains("retry_after")) {
    const auto seconds = static_cast<int>(number_of(fault, "retry_after"));
    reply.headers.emplace_back("Retry-After", std::to_string(seconds));
  }
  return reply;
}

std::string raw_query(const std::string& target) {
  const size_t question = target.find('?');
  return question == std::string::npos ? std::string() : target.substr(question + 1);
}

FaultProbe probe_of(const ApiCall& call, const ApiUrl& url) {
  FaultProbe probe;
  probe.method = call.method->id;
  for (const char* name : {"instanceGroupManager", "instance", "operation", "instanceTemplate"}) {
    if (const std::string text = call.variable(name); !text.empty()) probe.names.push_back(text);
  }
  const std::string zone = call.variable("zone");
  probe.zone = zone.empty() ? call.variable("region") : zone;
  probe.page = url.has_parameter("pageToken") ? 2 : 1;
  return probe;
}

}  // namespace

Emulator::Emulator(Settings settings, std::shared_ptr<const Discovery> discovery, MachineHost& host,
                   double wall_base)
    : cloud_(std::move(settings), std::move(discovery), host, wall_base),
      metadata_(cloud_),
      token_(cloud_),
      control_(cloud_) {}

void Emulator::advance(double seconds) {
  const std::lock_guard lock(mutex_);
  cloud_.timeline.advance(cloud_.timeline.now() + seconds);
}

double Emulator::now() {
  const std::lock_guard lock(mutex_);
  return cloud_.timeline.now();
}

Time Emulator::steady() { return kSteadyBegin + from_seconds(now()); }

WallTime Emulator::wall() {
  const std::lock_guard lock(mutex_);
  return WallTime(
      std::chrono::milliseconds(static_cast<int64_t>(std::llround(cloud_.client_wall() * 1000))));
}

void Emulator::expect_key(std::shared_ptr<const ServiceAccountKey> key, std::string issuer) {
  const std::lock_guard lock(mutex_);
  token_.expect(std::move(key), std::move(issuer));
}

Json Emulator::control(const std::string& verb, const std::string& path, const Json& body) {
  WebRequest request;
  request.verb = verb;
  request.target = path;
  request.body = body.is_null() ? "" : body.dump();
  Exchange exchange = begin(Port::control, request);
  return Json::parse(exchange.reply.body, nullptr, false);
}

Exchange Emulator::begin(Port port, const WebRequest& request) {
  const std::lock_guard lock(mutex_);
  if (port == Port::control) {
    Exchange exchange;
    exchange.due = cloud_.timeline.now();
    exchange.reply = control_.answer(request);
    return exchange;
  }
  CallRecord record;
  record.at = cloud_.timeline.now();
  record.client_at = cloud_.access.client_now();
  record.verb = request.verb;
  record.query = raw_query(request.target);
  record.request = request.body;
  Exchange exchange = port == Port::api        ? begin_api(request, record)
                      : port == Port::metadata ? begin_metadata(request, record)
                                               : begin_token(request, record);
  record.status =
      exchange.cut == Cut::none || exchange.cut == Cut::truncate ? exchange.reply.status : 0;
  record.response = exchange.reply.body;
  cloud_.ledger.add(std::move(record));
  return exchange;
}

bool Emulator::is_ready(const Exchange& exchange) {
  const std::lock_guard lock(mutex_);
  if (exchange.cut == Cut::hang) return false;
  return cloud_.timeline.now() >= exchange.due || (exchange.early && exchange.early());
}

WebReply Emulator::finish(Exchange& exchange) {
  const std::lock_guard lock(mutex_);
  if (exchange.renew) exchange.reply = exchange.renew();
  return std::move(exchange.reply);
}

std::optional<Exchange> Emulator::before(const FaultHits& hits) {
  Exchange exchange;
  exchange.due = cloud_.timeline.now();
  if (hits.find("refuse") != nullptr) {
    exchange.cut = Cut::refuse;
    return exchange;
  }
  if (hits.find("hang") != nullptr) {
    exchange.cut = Cut::hang;
    return exchange;
  }
  const Json* reset = hits.find("reset");
  if (reset != nullptr && text_of(*reset, "when", "before") == "before") {
    exchange.cut = Cut::reset;
    return exchange;
  }
  const Json* http = hits.find("http");
  if (http != nullptr && !flag_of(*http, "acts")) {
    exchange.reply = http_fault(*http);
    after(hits, exchange);
    return exchange;
  }
  return std::nullopt;
}

void Emulator::after(const FaultHits& hits, Exchange& exchange) {
  if (const Json* latency = hits.find("latency")) {
    const double until =
        cloud_.timeline.now() + number_of(*latency, "seconds", 1) * cloud_.settings.rate;
    exchange.due = std::max(exchange.due, until);
  }
  if (const Json* http = hits.find("http"); http != nullptr && flag_of(*http, "acts")) {
    exchange.reply = http_fault(*http);
    exchange.renew = nullptr;
  }
  if (hits.find("garbage") != nullptr) {
    exchange.reply.body = "{\"kind\": \"compute#\xFF\xFE, [[[ not JSON";
    exchange.renew = nullptr;
  }
  if (hits.find("truncate") != nullptr) exchange.cut = Cut::truncate;
  const Json* reset = hits.find("reset");
  if (reset != nullptr && text_of(*reset, "when") == "after") exchange.cut = Cut::reset;
}

WebReply Emulator::refuse(const WebRequest& request, const ApiUrl& url, const ApiError& error) {
  if (error.status == 400 && (error.reason == "invalid" || error.reason == "required")) {
    cloud_.ledger.add_violation(cloud_.timeline.now(), request.verb, url.path(), error.message);
  }
  WebReply reply = WebReply::json(error.status, error.body());
  if (error.status == 401) {
    reply.headers.emplace_back("WWW-Authenticate",
                               "Bearer realm=\"https://accounts.google.com/\", "
                               "error=\"invalid_token\"");
  }
  return reply;
}

Exchange Emulator::begin_api(const WebRequest& request, CallRecord& record) {
  const ApiUrl url = parse_api_url(request.target);
  record.path = url.path();
  Exchange exchange;
  exchange.due = cloud_.timeline.now();
  ApiCall call;
  const bool rooted =
      url.segments.size() > 2 && url.segments[0] == "compute" && url.segments[1] == "v1";
  if (rooted) {
    const std::vector<std::string> segments(url.segments.begin() + 2, url.segments.end());
    call.method = cloud_.discovery->find(request.verb, segments, call.variables);
  }
  if (call.method == nullptr) {
    record.method = "unknown";
    exchange.reply = refuse(
        request, url, {400, "invalid", "No method for " + request.verb + " " + url.path(), ""});
    return exchange;
  }
  record.method = call.method->id;
  call.hits = cloud_.faults.meet(probe_of(call, url));
  record.fault = call.hits.kinds();
  const Problems problems = cloud_.schemas.request(*call.method, call.variables, url, request.body);
  if (!problems.empty()) {
    std::string joined;
    for (const std::string& problem : problems) joined += (joined.empty() ? "" : "; ") + problem;
    exchange.reply = refuse(request, url, {400, "invalid", joined, ""});
    return exchange;
  }
  return act(request, url, std::move(call), record);
}

std::optional<ApiError> Emulator::check_caller(const WebRequest& request, const ApiUrl& url,
                                               const ApiCall& call) {
  std::string where = url.path();
  if (const size_t at = where.find("projects/"); at != std::string::npos) where.erase(0, at);
  if (auto error = cloud_.access.check(request.header("authorization"), call.method->id, where)) {
    return error;
  }
  return cloud_.access.take_call();
}

Exchange Emulator::act(const WebRequest& request, const ApiUrl& url, ApiCall call, CallRecord&) {
  if (auto spoiled = before(call.hits)) return *spoiled;
  Exchange exchange;
  exchange.due = cloud_.timeline.now();
  if (auto error = check_caller(request, url, call)) {
    exchange.reply = refuse(request, url, *error);
    return exchange;
  }
  call.url = &url;
  call.text = request.body;
  if (!request.body.empty()) call.body = Json::parse(request.body, nullptr, false);
  ApiAnswer answer = cloud_.api.answer(call);
  if (answer.error) {
    exchange.reply = refuse(request, url, *answer.error);
    after(call.hits, exchange);
    return exchange;
  }
  if (!answer.awaited.empty()) {
    exchange.due += cloud_.settings.timings.wait_most;
    exchange.early = [this, scope = answer.awaited_scope, name = answer.awaited] {
      const Operation* operation = cloud_.api.operation(scope, name);
      return operation == nullptr ||
             operation->status(cloud_.timeline.now()) == Operation::Status::done;
    };
    exchange.renew = [this, request, method = call.method, url, scope = answer.awaited_scope,
                      name = answer.awaited] {
      const Operation* operation = cloud_.api.operation(scope, name);
      if (operation != nullptr) return render(method, url, cloud_.writer.operation(*operation));
      return refuse(request, url,
                    {404, "notFound", "The operation '" + name + "' was not found", ""});
    };
  }
  const Json* listed = call.hits.find("list");
  const bool odd = listed != nullptr && (text_of(*listed, "what") == "unknown_values" ||
                                         text_of(*listed, "what") == "foreign");
  exchange.reply = render(odd ? nullptr : call.method, url, std::move(answer));
  after(call.hits, exchange);
  return exchange;
}

// No method: the response is odd on purpose.
WebReply Emulator::render(const ApiMethod* method, const ApiUrl& url, ApiAnswer answer) {
  const bool checked = method != nullptr && !cloud_.settings.extra &&
                       (cloud_.settings.check_all || rendered_++ % kSampled == 0);
  if (checked) {
    for (const std::string& problem : cloud_.schemas.response(*method, answer.body)) {
      cloud_.ledger.add_response_problem(cloud_.timeline.now(), method->id, problem);
    }
  }
  const std::string_view fields = url.parameter("fields");
  if (!fields.empty()) {
    auto selected = select_fields(answer.body, fields);
    if (!selected) {
      return refuse({}, url, {400, "invalid", selected.error().detail, ""});
    }
    answer.body = std::move(*selected);
  }
  WebReply reply = WebReply::json(200, answer.body);
  reply.headers.emplace_back("Etag", "\"" + std::to_string(rendered_) + "\"");
  return reply;
}

Exchange Emulator::begin_metadata(const WebRequest& request, CallRecord& record) {
  const ApiUrl url = parse_api_url(request.target);
  record.path = url.path();
  record.method = MetadataApi::method_of(url);
  const FaultHits hits = cloud_.faults.meet({.method = record.method, .names = {}, .zone = ""});
  record.fault = hits.kinds();
  if (auto spoiled = before(hits)) {
    spoiled->reply.headers.emplace_back("Metadata-Flavor", "Google");
    return *spoiled;
  }
  MetadataApi::Answer answer = metadata_.answer(request, url, hits);
  Exchange exchange;
  exchange.due = cloud_.timeline.now() + answer.wait * cloud_.settings.rate;
  exchange.reply = std::move(answer.reply);
  if (answer.wait > 0) {
    ApiUrl plain = url;
    std::erase_if(plain.query, [](const auto& each) { return each.first == "wait_for_change"; });
    const auto again = [this, request, plain] {
      return metadata_.answer(request, plain, FaultHits{});
    };
    exchange.early = [again, etag = answer.etag] { return again().etag != etag; };
    exchange.renew = [again] { return again().reply; };
  }
  after(hits, exchange);
  return exchange;
}

Exchange Emulator::begin_token(const WebRequest& request, CallRecord& record) {
  record.path = parse_api_url(request.target).path();
  record.method = "token";
  record.request.clear();
  const FaultHits hits = cloud_.faults.meet({.method = "token", .names = {}, .zone = ""});
  record.fault = hits.kinds();
  if (auto spoiled = before(hits)) return *spoiled;
  Exchange exchange;
  exchange.due = cloud_.timeline.now();
  exchange.reply = token_.answer(request, hits);
  after(hits, exchange);
  return exchange;
}

}  // namespace flaskscale::emulator
