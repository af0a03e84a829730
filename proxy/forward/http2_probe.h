// What a health check says and hears over HTTP/2: bytes out, bytes in, a verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/http2_client_session.h"

namespace flaskscale::forward {

// One check of one fresh connection. No I/O.
class Http2Probe final : public http::Http2ClientSessionHandler,
                         public http::Http2ClientStreamHandler {
 public:
  // With an empty path nothing is asked for: that the peer speaks HTTP/2 is the check.
  Http2Probe(std::string_view authority, std::string_view path);

  // To be sent, at the beginning and after each receive().
  std::string take_output();
  // False: the connection has failed without a verdict.
  bool receive(std::string_view bytes);
  std::optional<bool> verdict() const { return verdict_; }

  // http::Http2ClientSessionHandler
  void on_settings() override;
  void on_goaway() override {}
  void on_connection_error(http::Http2Error /*error*/) override { verdict_ = false; }
  // http::Http2ClientStreamHandler
  http::Method method() const override { return http::Method::get; }
  void on_informational(const http::ResponseHead& /*head*/) override {}
  void on_response(const http::ResponseHead& head, std::string_view bytes, bool last,
                   std::string_view trailers) override;
  void on_malformed(std::string_view /*reason*/) override { verdict_ = false; }
  void on_head_sent() override {}
  void on_body(std::string_view /*bytes*/, bool /*last*/, std::string_view /*trailers*/) override {}
  void on_closed(Closed how, http::Http2Error error) override;
  Sendable sendable() const override { return {.bytes = 0, .last = true}; }
  void take(size_t /*bytes*/, std::string& /*out*/) override {}
  void on_end_sent() override {}

 private:
  const bool asks_;
  std::optional<bool> verdict_;
  http::Http2ClientSession session_;
};

}  // namespace flaskscale::forward
