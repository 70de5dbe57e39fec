#ifndef KERNELS_CUDA_EMULATOR_STREAMS_H_
#define KERNELS_CUDA_EMULATOR_STREAMS_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace penstock::cuda::emulator {

// The queues of the emulated device. What is queued runs in the order of its
// stream, but as late as a device could: when somebody waits for it. Then what
// other streams hold runs in between, or does not, as a seeded sequence of
// random numbers says. So whoever does not wait for what he uses, or waits for
// another stream, gets wrong numbers. Thread-safe; one thing runs at a time.
//
// A null stream is the default one.

// Touches device memory and what else it knows, while device memory is open.
using Operation = std::function<void()>;

cudaStream_t MakeStream();
// Runs what it holds.
void DestroyStream(cudaStream_t stream);

void Enqueue(cudaStream_t stream, Operation operation);

// Return when all of the stream, or of all streams, has run.
void WaitFor(cudaStream_t stream);
void WaitForAll();

// True if all of the stream has run. Sometimes only a later call is.
bool IsDone(cudaStream_t stream);

// Between these two, what is queued on the stream is kept and not run.
// EndCapture returns it, and nothing if the capture was spoiled or never began.
void BeginCapture(cudaStream_t stream);
std::optional<std::vector<Operation>> EndCapture(cudaStream_t stream);

// Whoever waits for a stream that is captured, or allocates on a thread that
// captures one, spoils the capture; true if there was one.
bool SpoilCaptureOf(cudaStream_t stream);
bool SpoilCaptureByThisThread();

// Begins another sequence of random numbers.
void SeedStreams(uint64_t seed);

}  // namespace penstock::cuda::emulator

#endif  // KERNELS_CUDA_EMULATOR_STREAMS_H_
