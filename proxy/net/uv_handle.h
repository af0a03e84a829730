// Owns one initialised libuv handle. Destroying it starts uv_close; the close callback frees the
// memory. Private to proxy/net.
#pragma once

#include <uv.h>

#include <memory>

namespace flaskscale::net {

template <typename H>
struct CloseHandle {
  void operator()(H* handle) const noexcept {
    handle->data = nullptr;  // callbacks still to come find no owner
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* h) { delete reinterpret_cast<H*>(h); });
  }
};

template <typename H>
using UvHandle = std::unique_ptr<H, CloseHandle<H>>;

}  // namespace flaskscale::net
