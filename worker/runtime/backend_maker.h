#ifndef WORKER_RUNTIME_BACKEND_MAKER_H_
#define WORKER_RUNTIME_BACKEND_MAKER_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "kernels/backend.h"

namespace penstock {

// Opens a rank's device once more: each backend has a queue of its own, and all
// of them the same memory. Errors: those of MakeCudaBackend.
using BackendMaker = std::function<absl::StatusOr<std::unique_ptr<Backend>>()>;

}  // namespace penstock

#endif  // WORKER_RUNTIME_BACKEND_MAKER_H_
