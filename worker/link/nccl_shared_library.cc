#include "worker/link/nccl_shared_library.h"

#include <dlfcn.h>

#include "fmt/format.h"
#include "proto/base/status_macros.h"
#include "proto/communicator.h"

namespace penstock {
namespace {

std::string Wanted(int version) {
  const int major = version / 10000;
  return fmt::format("wanted is NCCL {} or a later {}.x",
                     NcclVersionText(version), major);
}

}  // namespace

absl::StatusOr<NcclSharedLibrary> NcclSharedLibrary::Load(
    const std::string& path, int wanted) {
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return absl::UnavailableError(
        fmt::format("no NCCL: {}; {}", ::dlerror(), Wanted(wanted)));
  }
  NcclSharedLibrary library(path, handle);
  RETURN_IF_ERROR(library.CheckVersion(wanted));
  return library;
}

absl::Status NcclSharedLibrary::CheckVersion(int wanted) {
  int (*get_version)(int*) = nullptr;
  const absl::Status found = Find("ncclGetVersion", get_version);
  if (!found.ok() || get_version(&version_) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} tells no version; {}", path_, Wanted(wanted)));
  }
  if (version_ < wanted || version_ / 10000 != wanted / 10000) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is NCCL {}; {}", path_, NcclVersionText(version_), Wanted(wanted)));
  }
  return absl::OkStatus();
}

absl::StatusOr<void*> NcclSharedLibrary::Find(const char* name) const {
  void* const address = ::dlsym(handle_, name);
  if (address == nullptr) {
    return absl::FailedPreconditionError(
        fmt::format("{} has no {}", path_, name));
  }
  return address;
}

}  // namespace penstock
