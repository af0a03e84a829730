// Google's OAuth token endpoint for service accounts' signed assertions.
#pragma once

#include <memory>
#include <string>

#include "tests/support/gce/cloud.h"
#include "tests/support/gce/jwt_check.h"
#include "tests/support/gce/web_message.h"

namespace flaskscale::emulator {

class TokenApi {
 public:
  explicit TokenApi(Cloud& cloud) : cloud_(cloud) {}

  // Assertions must be signed with this key, by this account.
  void expect(std::shared_ptr<const ServiceAccountKey> key, std::string issuer);
  WebReply answer(const WebRequest& request, const FaultHits& hits);

 private:
  Cloud& cloud_;
  std::shared_ptr<const ServiceAccountKey> key_;
  std::string issuer_;
};

}  // namespace flaskscale::emulator
