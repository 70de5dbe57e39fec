#ifndef WORKER_LINK_NCCL_SHARED_LIBRARY_H_
#define WORKER_LINK_NCCL_SHARED_LIBRARY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace penstock {

// NCCL's shared library, loaded when it is asked for: a machine without it, or
// with another version, is told so instead of failing to start. It is never
// unloaded: it has threads of its own, as that which listens for the members of
// a communicator, and nobody can end them.
class NcclSharedLibrary {
 public:
  // Loads `path`, by the loader's rules when it has no slash. `wanted` is the
  // version that was compiled against, as NCCL_VERSION_CODE; later ones of the
  // same major version have all that it has.
  //
  // Errors, with what was found and what is wanted:
  //   Unavailable: there is no such library, or it cannot be loaded.
  //   FailedPrecondition: it is of another version, or not NCCL.
  static absl::StatusOr<NcclSharedLibrary> Load(const std::string& path,
                                                int wanted);

  int version() const { return version_; }

  // Sets `function` to the library's function of that name.
  //
  // Errors: FailedPrecondition: it has none.
  template <typename Function>
  absl::Status Find(const char* name, Function*& function) const {
    const absl::StatusOr<void*> address = Find(name);
    if (!address.ok()) return address.status();
    function = reinterpret_cast<Function*>(*address);
    return absl::OkStatus();
  }

 private:
  NcclSharedLibrary(std::string path, void* handle)
      : path_(std::move(path)), handle_(handle) {}

  absl::StatusOr<void*> Find(const char* name) const;
  absl::Status CheckVersion(int wanted);

  std::string path_;
  void* handle_ = nullptr;
  int version_ = 0;
};

}  // namespace penstock

#endif  // WORKER_LINK_NCCL_SHARED_LIBRARY_H_
