#include "kernels/cuda/errors.h"

#include <fmt/format.h>

#include <algorithm>

namespace penstock::cuda {
namespace {

using enum absl::StatusCode;

constexpr std::string_view kLost =
    "the process has lost its CUDA context and must end";
constexpr std::string_view kGone =
    "the device fell off or was reset; see `nvidia-smi` and the kernel's log "
    "for an Xid";

constexpr ErrorMeaning kCuda[] = {
    {2, "cudaErrorMemoryAllocation", kResourceExhausted,
     "not enough free device memory"},
    {3, "cudaErrorInitializationError", kUnavailable,
     "the driver does not start"},
    {34, "cudaErrorStubLibrary", kUnavailable,
     "libcuda.so.1 is the toolkit's stub; take it off LD_LIBRARY_PATH"},
    {35, "cudaErrorInsufficientDriver", kUnavailable,
     "no driver, or one older than this build's CUDA"},
    {36, "cudaErrorCallRequiresNewerDriver", kUnavailable,
     "the driver is older than this build's CUDA"},
    {46, "cudaErrorDevicesUnavailable", kUnavailable,
     "all devices are taken or in exclusive use"},
    {100, "cudaErrorNoDevice", kUnavailable, "no CUDA device is visible"},
    {101, "cudaErrorInvalidDevice", kUnavailable, "no device of that number"},
    {201, "cudaErrorDeviceUninitialized", kUnavailable, kGone},
    {209, "cudaErrorNoKernelImageForDevice", kFailedPrecondition,
     "built for other devices than this one"},
    {214, "cudaErrorECCUncorrectable", kDataLoss,
     "the device's memory failed; its contents may be wrong"},
    {216, "cudaErrorDeviceAlreadyInUse", kUnavailable,
     "another process has the device to itself"},
    {218, "cudaErrorInvalidPtx", kFailedPrecondition,
     "the driver cannot translate this build's PTX"},
    {220, "cudaErrorNvlinkUncorrectable", kDataLoss,
     "an NVLink transfer failed; what it wrote may be wrong"},
    {222, "cudaErrorUnsupportedPtxVersion", kFailedPrecondition,
     "the driver is too old for this build's PTX"},
    {226, "cudaErrorContained", kDataLoss,
     "the device's memory failed; its contents may be wrong"},
    {304, "cudaErrorOperatingSystem", kUnavailable,
     "an operating system call of the driver failed"},
    {700, "cudaErrorIllegalAddress", kInternal, kLost},
    {701, "cudaErrorLaunchOutOfResources", kInternal,
     "a kernel needs more registers or shared memory than a block has"},
    {702, "cudaErrorLaunchTimeout", kInternal, kLost},
    {709, "cudaErrorContextIsDestroyed", kUnavailable, kGone},
    {710, "cudaErrorAssert", kInternal, kLost},
    {714, "cudaErrorHardwareStackError", kInternal, kLost},
    {715, "cudaErrorIllegalInstruction", kInternal, kLost},
    {716, "cudaErrorMisalignedAddress", kInternal, kLost},
    {717, "cudaErrorInvalidAddressSpace", kInternal, kLost},
    {718, "cudaErrorInvalidPc", kInternal, kLost},
    {719, "cudaErrorLaunchFailure", kInternal, kLost},
    {802, "cudaErrorSystemNotReady", kUnavailable,
     "the fabric manager or another daemon of the driver does not run"},
    {803, "cudaErrorSystemDriverMismatch", kUnavailable,
     "the driver's kernel module and library differ; reboot or reinstall"},
    {804, "cudaErrorCompatNotSupportedOnDevice", kUnavailable,
     "the compatibility driver does not run on this device"},
    {805, "cudaErrorMpsConnectionFailed", kUnavailable,
     "the MPS daemon does not answer"},
    {810, "cudaErrorMpsClientTerminated", kUnavailable,
     "MPS ended this process's use of the device"},
    {909, "cudaErrorTimeout", kUnavailable, "the device does not answer"},
    {999, "cudaErrorUnknown", kUnavailable, kGone},
};

constexpr ErrorMeaning kCublas[] = {
    {1, "CUBLAS_STATUS_NOT_INITIALIZED", kUnavailable,
     "cuBLASLt did not start; is there a driver and free memory?"},
    {3, "CUBLAS_STATUS_ALLOC_FAILED", kResourceExhausted,
     "not enough free memory"},
    {8, "CUBLAS_STATUS_ARCH_MISMATCH", kFailedPrecondition,
     "the device lacks what the product needs"},
    {13, "CUBLAS_STATUS_EXECUTION_FAILED", kInternal,
     "a kernel did not start; see the errors before"},
    {15, "CUBLAS_STATUS_NOT_SUPPORTED", kUnimplemented,
     "no algorithm for these shapes, types and strides"},
    {16, "CUBLAS_STATUS_LICENSE_ERROR", kFailedPrecondition,
     "cuBLAS refuses its license"},
};

constexpr std::string_view kNoPattern = "no engine for these shapes and types";

constexpr ErrorMeaning kCudnn[] = {
    {1001, "CUDNN_STATUS_NOT_INITIALIZED", kUnavailable,
     "cuDNN did not start; is there a driver and free memory?"},
    {1002, "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH", kFailedPrecondition,
     "cuDNN's libraries are of different versions"},
    {1008, "CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED", kFailedPrecondition,
     "a library of cuDNN is missing"},
    {3000, "CUDNN_STATUS_NOT_SUPPORTED", kUnimplemented, kNoPattern},
    {3001, "CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN", kUnimplemented,
     kNoPattern},
    {3002, "CUDNN_STATUS_NOT_SUPPORTED_SHAPE", kUnimplemented, kNoPattern},
    {3003, "CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE", kUnimplemented, kNoPattern},
    {3004, "CUDNN_STATUS_NOT_SUPPORTED_LAYOUT", kUnimplemented, kNoPattern},
    {3005, "CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER", kUnavailable,
     "the driver is too old for this cuDNN"},
    {3007, "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH", kUnimplemented,
     kNoPattern},
    {3010, "CUDNN_STATUS_NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT",
     kUnimplemented, kNoPattern},
    {4003, "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
     kResourceExhausted, "not enough host memory"},
    {4004, "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
     kResourceExhausted, "not enough free device memory"},
    {5000, "CUDNN_STATUS_EXECUTION_FAILED", kInternal,
     "a kernel did not start; see the errors before"},
    {5001, "CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER", kInternal,
     "the driver refused a kernel; see the errors before"},
};

absl::Status Convert(std::span<const ErrorMeaning> meanings,
                     std::string_view library, int code,
                     std::string_view operation) {
  if (code == 0) return absl::OkStatus();
  const auto found =
      std::ranges::lower_bound(meanings, code, {}, &ErrorMeaning::code);
  if (found == meanings.end() || found->code != code) {
    return absl::InternalError(
        fmt::format("{}: {} error {}", operation, library, code));
  }
  return absl::Status(found->status, fmt::format("{}: {} ({})", operation,
                                                 found->name, found->meaning));
}

}  // namespace

std::span<const ErrorMeaning> CudaErrors() { return kCuda; }
std::span<const ErrorMeaning> CublasErrors() { return kCublas; }
std::span<const ErrorMeaning> CudnnErrors() { return kCudnn; }

absl::Status FromCuda(int code, std::string_view operation) {
  return Convert(kCuda, "CUDA", code, operation);
}
absl::Status FromCublas(int code, std::string_view operation) {
  return Convert(kCublas, "cuBLAS", code, operation);
}
absl::Status FromCudnn(int code, std::string_view operation) {
  return Convert(kCudnn, "cuDNN", code, operation);
}

bool IsContextLost(int cuda_code) {
  const auto found =
      std::ranges::lower_bound(kCuda, cuda_code, {}, &ErrorMeaning::code);
  if (found == std::end(kCuda) || found->code != cuda_code) return false;
  return found->meaning == kLost || found->meaning == kGone ||
         found->status == kDataLoss;
}

}  // namespace penstock::cuda
