#ifndef WORKER_EXECUTOR_WATCHED_COPY_QUEUE_H_
#define WORKER_EXECUTOR_WATCHED_COPY_QUEUE_H_

#include <memory>

#include "kernels/copy_queue.h"
#include "worker/executor/device_calls.h"

namespace penstock {

// `copies`, whose calls, destruction among them, are noted in `line`. Neither
// is null.
std::unique_ptr<CopyQueue> WatchCopyQueue(std::unique_ptr<CopyQueue> copies,
                                          std::shared_ptr<DeviceCallLine> line);

}  // namespace penstock

#endif  // WORKER_EXECUTOR_WATCHED_COPY_QUEUE_H_
