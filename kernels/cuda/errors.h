#ifndef KERNELS_CUDA_ERRORS_H_
#define KERNELS_CUDA_ERRORS_H_

#include <span>
#include <string_view>

#include "absl/status/status.h"

namespace penstock::cuda {

// The only place where errors of CUDA's libraries become ours. Codes are
// numbers here, so that the tables are tested where there is no toolkit; one
// test compares them with the libraries' headers.

// What a code of a library means for the caller.
struct ErrorMeaning {
  int code;
  std::string_view name;
  absl::StatusCode status;
  std::string_view meaning;  // What happened, and what to do about it.
};

// By ascending code. What is not listed is Internal, our bug.
std::span<const ErrorMeaning> CudaErrors();
std::span<const ErrorMeaning> CublasErrors();
std::span<const ErrorMeaning> CudnnErrors();

// OK for 0; else "<operation>: <name> (<meaning>)". Codes:
//   ResourceExhausted: no memory left; free some or plan for less.
//   Unavailable: no usable device now: driver, lost or taken device.
//   DataLoss: the device's memory failed; what it holds may be wrong.
//   FailedPrecondition: the device cannot run this build's code.
//   Unimplemented: the library has no kernel for what was asked.
//   Internal: our bug, or a failed kernel; the process's CUDA context is lost.
absl::Status FromCuda(int code, std::string_view operation);
absl::Status FromCublas(int code, std::string_view operation);
absl::Status FromCudnn(int code, std::string_view operation);

// True after an error of `code` that every later call of the process will get,
// too: only a new process can use the device again.
bool IsContextLost(int cuda_code);

}  // namespace penstock::cuda

#endif  // KERNELS_CUDA_ERRORS_H_
