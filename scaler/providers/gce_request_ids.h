// The requestId of each call that changes something: the same for the same call, so that the API
// acts once however often it is sent.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace flaskscale::scaler {

// An id is made of the logical action's id and of all that the request says, since an id that comes
// again with another body is refused. Once an action is known to be over, the same call means: do
// it once more, and gets another id. Not thread-safe.
class GceRequestIds {
 public:
  // A UUID (version 8).
  std::string id_of(std::string_view action_id, std::string_view verb, std::string_view zone,
                    const std::vector<std::string>& instances) const;
  // The call that bore this id is over, well or not.
  void on_over(const std::string& id);

 private:
  static constexpr size_t kMostRemembered = 4096;
  std::unordered_set<std::string> over_;
  std::deque<std::string> order_;  // of over_, the oldest first
};

}  // namespace flaskscale::scaler
