#include "worker/executor/executor_device.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "kernels/attention_shape.h"
#include "kernels/backend.h"
#include "kernels/cuda_options.h"
#include "proto/base/status_macros.h"
#include "worker/executor/watched_backend.h"
#include "worker/executor/watched_copy_queue.h"

namespace penstock {
namespace {

// So much longer than a wait for the device, whose own error says more.
constexpr absl::Duration kWaitMargin = absl::Seconds(2);

// Opening a device reads libraries of a gigabyte from the disk.
constexpr absl::Duration kOpenMax = absl::Minutes(1);

// What `make` makes, noted in `calls` while it does.
template <typename Make>
auto Open(DeviceCalls& calls, absl::Duration pass_max, const Make& make) {
  const auto line = calls.Add(std::max(kOpenMax, pass_max));
  const DeviceCall call(*line, "opening the device");
  return make();
}

}  // namespace

absl::StatusOr<ExecutorDevice> ExecutorDeviceOf(std::string_view kind,
                                                const Plan& plan,
                                                DeviceCalls& calls) {
  if (kind == "cpu") return ExecutorDevice{.make_backend = MakeCpuBackend};
  if (kind != "cuda") {
    return absl::InvalidArgumentError(
        fmt::format("device: \"{}\": must be cpu or cuda", kind));
  }
  const absl::Duration pass_max = std::max(absl::Seconds(10), plan.step_time);
  const CudaOptions options{.attention = plan.spec.fast_attention
                                             ? AttentionForm::kFast
                                             : AttentionForm::kDeterministic,
                            .wait_max = pass_max};
  const absl::Duration call_max = pass_max + kWaitMargin;
  const auto make_backend = [options] { return MakeCudaBackend(0, options); };
  const auto make_copies = [pass_max] {
    return MakeCudaCopyQueue(0, pass_max);
  };
  return ExecutorDevice{
      .make_backend = [=,
                       &calls]() -> absl::StatusOr<std::unique_ptr<Backend>> {
        ASSIGN_OR_RETURN(auto backend, Open(calls, pass_max, make_backend));
        return WatchBackend(std::move(backend), calls.Add(call_max));
      },
      .make_copies = [=,
                      &calls]() -> absl::StatusOr<std::unique_ptr<CopyQueue>> {
        ASSIGN_OR_RETURN(auto copies, Open(calls, pass_max, make_copies));
        return WatchCopyQueue(std::move(copies), calls.Add(call_max));
      }};
}

}  // namespace penstock
