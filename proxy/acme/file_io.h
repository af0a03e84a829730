// Small files, read whole and replaced whole.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace flaskscale::acme {

// All folders of the path that are not there yet, for this user alone.
Result<void> make_folder(const std::string& path);

// `not_found` if there is none; more than 1 MiB is `too_large`.
Result<std::string> read_small_file(const std::string& path);

enum class Secrecy { readable, owner_only };

// Whoever reads sees the old text or the new one, also after a crash.
Result<void> replace_file(const std::string& path, const std::string& text, Secrecy secrecy);

// Within one folder, first to second, in order and right after each other: who reads both files in
// between finds one of each for a moment only.
Result<void> rename_files(const std::vector<std::pair<std::string, std::string>>& names);

}  // namespace flaskscale::acme
