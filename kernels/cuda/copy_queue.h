#ifndef KERNELS_CUDA_COPY_QUEUE_H_
#define KERNELS_CUDA_COPY_QUEUE_H_

#include <memory>

#include "kernels/copy_queue.h"
#include "kernels/cuda/device.h"

namespace penstock::cuda {

// The copy queue that is `device`'s queue.
std::unique_ptr<CopyQueue> MakeCopyQueue(std::unique_ptr<Device> device);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_COPY_QUEUE_H_
