#include "proxy/net/tls_io.h"

#include <algorithm>

#include "base/check.h"
#include "proxy/net/tls_bio.h"
#include "proxy/net/tls_transport.h"

namespace flaskscale::net {

TlsIo::TlsIo(EventLoop& loop) : loop_(loop), bio_method_(make_tls_bio_method()) {}

TlsIo::~TlsIo() { free_tls_bio_method(bio_method_); }

std::vector<char>& TlsIo::received() {
  if (received_.empty()) received_.resize(kReadBytes);
  return received_;
}

void TlsIo::add_ready(TlsTransport& transport) {
  if (transport.in_ready_list_) return;
  transport.in_ready_list_ = true;
  ready_.push_back(&transport);
  if (posted_) return;
  posted_ = true;
  loop_.post([this] { tell_ready(); });
}

void TlsIo::remove_ready(TlsTransport& transport) {
  if (!transport.in_ready_list_) return;
  transport.in_ready_list_ = false;
  for (auto* list : {&ready_, &telling_}) {
    std::replace(list->begin(), list->end(), &transport, static_cast<TlsTransport*>(nullptr));
  }
}

void TlsIo::tell_ready() {
  posted_ = false;
  telling_.swap(ready_);
  for (size_t i = 0; i < telling_.size(); ++i) {
    if (telling_[i] == nullptr) continue;
    telling_[i]->tell_pending();
    TlsTransport* const still_there = telling_[i];
    if (still_there == nullptr) continue;
    still_there->in_ready_list_ = false;
    still_there->list_if_pending();
  }
  telling_.clear();
}

}  // namespace flaskscale::net
