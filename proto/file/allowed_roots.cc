#include "proto/file/allowed_roots.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

// True when `path`, canonical, is `root` or lies below it: a comparison of
// components, for "/data-2" does not lie below "/data".
bool IsBelow(const fs::path& path, const fs::path& root) {
  return std::mismatch(root.begin(), root.end(), path.begin(), path.end())
             .first == root.end();
}

// `path` with symbolic links followed; what does not exist at its end is
// appended as it is. Empty when that end could lead elsewhere once it exists:
// "..", or a link that points to nothing.
fs::path Canonical(const fs::path& path) {
  fs::path existing = path.root_path();
  fs::path missing;
  const fs::path relative = path.relative_path();
  for (const fs::path& name : relative) {
    if (name.empty() || name == ".") continue;
    std::error_code error;
    if (missing.empty() &&
        fs::exists(fs::symlink_status(existing / name, error))) {
      existing = fs::canonical(existing / name, error);
      if (error) return {};
      continue;
    }
    if (name == "..") return {};
    missing /= name;
  }
  return missing.empty() ? existing : existing / missing;
}

}  // namespace

absl::StatusOr<AllowedRoots> AllowedRoots::Create(
    const std::vector<std::string>& roots) {
  if (roots.empty()) {
    return absl::InvalidArgumentError(
        "no allowed root; name at least one directory for data and "
        "checkpoints");
  }
  std::vector<std::string> canonical;
  for (const std::string& root : roots) {
    if (!fs::path(root).is_absolute()) {
      return absl::InvalidArgumentError(fmt::format(
          "allowed root \"{}\" is relative; give an absolute path", root));
    }
    std::error_code error;
    const fs::path path = fs::canonical(root, error);
    if (error) {
      return ErrnoStatus(error.value(), fmt::format("allowed root {}", root));
    }
    if (!fs::is_directory(path, error)) {
      return absl::InvalidArgumentError(
          fmt::format("allowed root {} is not a directory", root));
    }
    canonical.push_back(path.string());
  }
  return AllowedRoots(std::move(canonical));
}

absl::StatusOr<std::string> AllowedRoots::Resolve(std::string_view path) const {
  if (path.empty() || path.find('\0') != path.npos) {
    return absl::InvalidArgumentError(
        "a path is empty or has a NUL byte; give an absolute path");
  }
  const std::string allowed = fmt::format("{}", fmt::join(roots_, ", "));
  if (path.front() != '/') {
    return absl::InvalidArgumentError(
        fmt::format("path \"{}\" is relative; give an absolute path below one "
                    "of the allowed roots: {}",
                    path, allowed));
  }
  const fs::path canonical = Canonical(path);
  const bool inside =
      !canonical.empty() &&
      std::any_of(roots_.begin(), roots_.end(), [&](const std::string& root) {
        return IsBelow(canonical, root);
      });
  if (inside) return canonical.string();
  return absl::PermissionDeniedError(fmt::format(
      "path {} lies outside of the allowed roots: {}; move the file below one "
      "of them, or start the daemon with another root",
      path, allowed));
}

}  // namespace penstock
