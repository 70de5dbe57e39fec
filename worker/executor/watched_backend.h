#ifndef WORKER_EXECUTOR_WATCHED_BACKEND_H_
#define WORKER_EXECUTOR_WATCHED_BACKEND_H_

#include <memory>

#include "kernels/backend.h"
#include "worker/executor/device_calls.h"

namespace penstock {

// `backend`, whose calls, destruction among them, are noted in `line`. Neither
// is null.
std::unique_ptr<Backend> WatchBackend(std::unique_ptr<Backend> backend,
                                      std::shared_ptr<DeviceCallLine> line);

}  // namespace penstock

#endif  // WORKER_EXECUTOR_WATCHED_BACKEND_H_
