#include "proxy/config/loader.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "proxy/config/document.h"
#include "proxy/config/sections.h"

namespace flaskscale::config {
namespace {

constexpr size_t kLargestFile = size_t{16} << 20U;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Result<std::string> read_whole(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
  if (!file) return error_from_errno(errno, "cannot be read");
  std::string text;
  char buffer[16384];
  while (true) {
    errno = 0;
    const size_t count = std::fread(buffer, 1, sizeof buffer, file.get());
    text.append(buffer, count);
    if (text.size() > kLargestFile) {
      return make_error(ErrorCode::too_large, "is larger than " + format_size(kLargestFile));
    }
    if (count < sizeof buffer) break;
  }
  if (std::ferror(file.get()) != 0) return error_from_errno(errno, "cannot be read");
  return text;
}

std::string without_last_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Loaded load_file(const std::string& path, const Environment& environment) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error).lexically_normal();
  Result<std::string> text = read_whole(path);
  if (!text) return {std::nullopt, {{path, 0, 0, text.error().detail, ""}}};
  return load_text(*text, path, absolute.parent_path().string(), environment);
}

Loaded load_text(std::string_view text, const std::string& file_name,
                 const std::string& base_directory, const Environment& environment) {
  ProblemList problems(file_name);
  std::optional<Node> document = parse_document(text, problems);
  if (!document) return {std::nullopt, problems.take()};
  expand_environment(*document, environment, problems);

  Model model;
  const ReadContext context{environment, without_last_slash(base_directory)};
  TableReader root(*document, "", problems);
  read_server(root, context, model);
  read_listeners(root, context, model);
  read_acme(root, context, model);
  read_pools(root, context, model);
  read_routes(root, context, model);
  root.reject_unknown_keys();
  if (!problems.empty()) return {std::nullopt, problems.take()};
  return {std::move(model), {}};
}

}  // namespace flaskscale::config
