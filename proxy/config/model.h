// The configuration file as plain values: what the user wrote, defaults filled in, nothing
// compiled.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "proxy/config/provider_models.h"

namespace flaskscale::config {

// Where a value was written; line 0 when it is a default.
struct Source {
  uint32_t line = 0;
  uint32_t column = 0;
};

struct ServerModel {
  unsigned workers = 0;  // 0: "auto", one per usable CPU
  uint32_t max_connections = 10000;
  Duration shutdown_timeout = std::chrono::seconds(30);
  std::string state_dir = "/var/lib/flaskscale";
  bool operator==(const ServerModel&) const = default;
};

// What each backend connection begins with.
enum class ProxyProtocolOut : uint8_t { none, v1, v2 };

enum class LogFormat : uint8_t { json, text };

struct AccessLogModel {
  std::string path = "-";  // "-": standard output; "off": none
  LogFormat format = LogFormat::json;
  bool operator==(const AccessLogModel&) const = default;
};

struct AdminModel {
  std::string listen = "127.0.0.1:9901";
  bool operator==(const AdminModel&) const = default;
};

// Files in PEM, or names that ACME gets it for.
struct CertificateModel {
  std::string cert;
  std::string key;
  std::string ocsp = {};               // an OCSP response in DER; empty: none is stapled
  std::vector<std::string> acme = {};  // lower case; empty: the files are given
  bool operator==(const CertificateModel&) const = default;
};

// Where certificates come from that are got by names, and who asks.
struct AcmeModel {
  std::string directory = "https://acme-v02.api.letsencrypt.org/directory";
  std::string ca;     // PEM of the authorities that vouch for the directory; empty: the system's
  std::string email;  // empty: no contact
  bool agree_terms = false;
  std::string eab_key_id;  // external account binding; empty: none
  std::string eab_key;     // its bytes
  bool operator==(const AcmeModel&) const = default;
};

enum class TlsMinVersion : uint8_t { tls12, tls13 };
enum class ClientCertificateUse : uint8_t { required, optional };

struct TlsModel {
  TlsMinVersion min_version = TlsMinVersion::tls12;
  std::string client_ca;  // empty: clients are not asked for certificates
  ClientCertificateUse client_certificate = ClientCertificateUse::required;
  bool strict_sni = false;
  std::string ticket_keys;  // a file; empty: keys of this process's own
  bool operator==(const TlsModel&) const = default;
};

// Strict-Transport-Security.
struct HstsModel {
  Duration max_age{};
  bool include_subdomains = false;
  bool preload = false;
  bool operator==(const HstsModel&) const = default;
};

struct ListenerModel {
  std::string name;
  std::vector<std::string> listen;                  // "0.0.0.0:80", "[::]:80", "unix:/run/web.sock"
  std::vector<std::string> trusted_proxies;         // addresses, CIDR networks, "unix"
  uint32_t unix_mode = 0660;                        // who may connect to the Unix sockets
  bool proxy_protocol = false;                      // trusted proxies send PROXY headers
  std::vector<CertificateModel> certificates = {};  // empty: cleartext
  TlsModel tls = {};
  bool http2 = false;  // default: true with certificates
  bool redirect_to_https = false;
  uint16_t redirect_port = 0;  // 0: the first port of a listener with certificates, or 443
  std::optional<HstsModel> hsts = {};
  bool operator==(const ListenerModel&) const = default;
};

// What one HTTP/2 connection may have under way.
struct Http2Model {
  uint32_t streams = 100;                  // concurrent requests
  uint32_t stream_window = 128U << 10U;    // request body bytes that one may have held here
  uint32_t connection_window = 1U << 20U;  // … and all of them together
  bool operator==(const Http2Model&) const = default;
};

struct LimitsModel {
  uint32_t header_bytes = 32U << 10U;
  uint32_t headers = 100;
  uint32_t uri_bytes = 8U << 10U;
  uint64_t body_bytes = 100ULL << 20U;
  Http2Model http2 = {};
  bool operator==(const LimitsModel&) const = default;
};

struct TimeoutsModel {
  Duration header = std::chrono::seconds(10);
  Duration idle = std::chrono::seconds(60);
  Duration body = std::chrono::seconds(30);
  Duration connect = std::chrono::seconds(2);
  Duration response = std::chrono::seconds(60);
  Duration tunnel_idle = std::chrono::minutes(10);
  Duration tunnel_total{};  // 0: no limit
  bool operator==(const TimeoutsModel&) const = default;
};

struct HeaderModel {
  std::string name;
  std::string value;
  bool operator==(const HeaderModel&) const = default;
};

// Carried out in this order.
struct HeaderEditsModel {
  std::vector<std::string> remove;
  std::vector<HeaderModel> set;  // in the place of what came with that name
  std::vector<HeaderModel> add;  // beside it
  bool empty() const { return remove.empty() && set.empty() && add.empty(); }
  bool operator==(const HeaderEditsModel&) const = default;
};

struct RedirectModel {
  uint16_t status = 302;
  std::string target;  // a TextTemplate
  bool operator==(const RedirectModel&) const = default;
};

// An answer that needs no backend.
struct RespondModel {
  uint16_t status = 200;
  std::string body;  // itself, also when it was read from a file
  std::string content_type;
  uint32_t retry_after_s = 0;  // 0: no Retry-After
  bool operator==(const RespondModel&) const = default;
};

struct RouteModel {
  std::vector<std::string> hosts;  // lower case; "*.example.com"; empty: any
  std::vector<std::string> paths;  // prefixes; empty: any
  std::string pool;                // empty: redirect or respond is set
  Source source;
  std::optional<RedirectModel> redirect = {};
  std::optional<RespondModel> respond = {};
  std::string strip_prefix = {};  // "/shop": the backend sees "/x" for "/shop/x"; empty: none
  HeaderEditsModel request_headers = {};
  HeaderEditsModel response_headers = {};
};

enum class BalancePolicy : uint8_t { least_connections, round_robin, random_two, consistent_hash };

// What a request is hashed by.
enum class HashSource : uint8_t { client, header, cookie };
struct HashModel {
  HashSource source = HashSource::client;
  std::string name;  // of the header or cookie
  bool operator==(const HashModel&) const = default;
};

enum class QueueOrder : uint8_t { adaptive, fifo };

struct BackendModel {
  std::string address;  // "host:port" or "unix:/run/app.sock"
  uint32_t weight = 1;
  bool operator==(const BackendModel&) const = default;
};

struct QueueModel {
  uint32_t limit = 1000;
  uint64_t bytes = 64ULL << 20U;
  Duration timeout = std::chrono::seconds(30);
  QueueOrder order = QueueOrder::adaptive;
  Duration slow_after = std::chrono::milliseconds(500);
  bool operator==(const QueueModel&) const = default;
};

// What a pool's backends speak. h2c: HTTP/2 without TLS, known beforehand.
enum class BackendProtocol : uint8_t { http1, h2c };

struct HealthModel {
  std::string path;  // empty: a TCP connect is the check
  Duration interval = std::chrono::seconds(2);
  Duration timeout = std::chrono::seconds(1);
  uint32_t rise = 2;
  uint32_t fall = 3;
  ProxyProtocolOut proxy_protocol = ProxyProtocolOut::none;  // the pool's
  BackendProtocol protocol = BackendProtocol::http1;         // the pool's
  bool operator==(const HealthModel&) const = default;
};

struct RetryModel {
  double budget = 0.2;
  uint32_t floor = 3;
  bool operator==(const RetryModel&) const = default;
};

enum class ScalingMode : uint8_t { act, scale_out_only, observe, off };

// What becomes of the instances when this program ends: they go on and are found again, or go too.
enum class AtShutdown : uint8_t { keep, remove };

// At least `min` instances for `duration` from each time that `cron` names.
struct ScheduleModel {
  std::string cron;
  Duration duration{};
  uint32_t min = 0;
  bool operator==(const ScheduleModel&) const = default;
};

// Who is told what happens: one of the two is set.
struct HookModel {
  std::string url;
  std::vector<std::string> command;
  std::string directory;  // where the command runs
  bool operator==(const HookModel&) const = default;
};

struct ScalingModel {
  ProviderKind provider = ProviderKind::process;
  ScalingMode mode = ScalingMode::act;
  uint32_t min = 1;
  uint32_t max = 20;
  double availability = 0.95;
  Duration drain_timeout = std::chrono::minutes(5);
  Duration boot_timeout = std::chrono::minutes(5);
  Duration idle_to_zero = std::chrono::minutes(15);       // min = 0 only
  Duration scale_in_window = std::chrono::minutes(5);     // the keep window of the law, 3.6
  Duration scale_in_interval = std::chrono::seconds(10);  // between two scale-in steps
  Duration boot_estimate = std::chrono::seconds(75);  // prior of the boot time, until it is learned
  Duration service_time_estimate = std::chrono::milliseconds(200);
  std::vector<ScheduleModel> schedule;
  std::vector<HookModel> on_event;
  uint32_t standby = 0;  // stopped instances kept for a quick start
  AtShutdown at_shutdown = AtShutdown::remove;
  // Of these, the chosen provider's is complete; another's may be, and is not used.
  ProcessProviderModel process;
  DockerProviderModel docker;
  GceProviderModel gce;
  ExecProviderModel exec;
  bool operator==(const ScalingModel&) const = default;
};

// TLS to backends.
struct BackendTlsModel {
  std::string ca;           // empty: the system's authorities
  std::string server_name;  // empty: the backend's host
  std::string cert;         // empty: none is shown
  std::string key;
  bool verify = true;
  bool operator==(const BackendTlsModel&) const = default;
};

struct PoolModel {
  std::string name;
  BalancePolicy balance = BalancePolicy::least_connections;
  uint32_t slots = 0;  // per backend; 0: unlimited (not with scaling)
  std::vector<BackendModel> backends;
  HashModel hash_on;          // with consistent_hash
  std::string sticky_cookie;  // its name; empty: none
  std::string sticky_secret;  // empty: kept in state_dir
  ProxyProtocolOut proxy_protocol = ProxyProtocolOut::none;
  BackendProtocol protocol = BackendProtocol::http1;
  std::optional<BackendTlsModel> tls = {};         // none: cleartext
  Duration slow_start = std::chrono::seconds(10);  // slot ramp of a new backend
  QueueModel queue;
  HealthModel health;
  Duration keepalive_idle = std::chrono::milliseconds(1500);
  RetryModel retry;
  std::optional<ScalingModel> scaling;
  Source source;
};

struct Model {
  ServerModel server;
  AccessLogModel access_log;
  AdminModel admin;
  std::vector<ListenerModel> listeners;
  AcmeModel acme;
  LimitsModel limits;
  TimeoutsModel timeouts;
  std::vector<RouteModel> routes;
  std::map<std::string, PoolModel> pools;
};

}  // namespace flaskscale::config
