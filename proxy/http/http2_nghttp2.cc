#include "proxy/http/http2_nghttp2.h"

#include <algorithm>

namespace flaskscale::http {
namespace {

nghttp2_nv to_pair(const Field& field) {
  nghttp2_nv pair{};
  pair.name = reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data()));
  pair.namelen = field.name.size();
  pair.value = reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data()));
  pair.valuelen = field.value.size();
  return pair;
}

size_t max_continuations(uint32_t head_bytes) {
  constexpr size_t kFewest = 8;
  constexpr size_t kSmallestFrame = 4096;
  return std::max(kFewest, static_cast<size_t>(head_bytes) / kSmallestFrame);
}

}  // namespace

std::vector<nghttp2_nv> to_pairs(const std::vector<Field>& fields) {
  std::vector<nghttp2_nv> pairs(fields.size());
  std::ranges::transform(fields, pairs.begin(), to_pair);
  return pairs;
}

nghttp2_option* new_option(uint32_t head_bytes) {
  nghttp2_option* option = nullptr;
  FS_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_continuations(option, max_continuations(head_bytes));
  return option;
}

void begin_session(nghttp2_session* session, std::span<const nghttp2_settings_entry> settings,
                   uint32_t connection_window) {
  FS_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) ==
           0);
  FS_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                 static_cast<int32_t>(connection_window)) == 0);
}

Http2StreamHandler::Closed how_closed(bool by_peer, uint32_t error) {
  if (by_peer) return Http2StreamHandler::Closed::by_peer;
  return error == NGHTTP2_NO_ERROR ? Http2StreamHandler::Closed::complete
                                   : Http2StreamHandler::Closed::by_us;
}

}  // namespace flaskscale::http
