#include "worker/executor/executor_device.h"

#include <algorithm>

#include "absl/time/time.h"
#include "fmt/format.h"
#include "kernels/attention_shape.h"
#include "kernels/backend.h"
#include "kernels/cuda_options.h"

namespace penstock {

absl::StatusOr<ExecutorDevice> ExecutorDeviceOf(std::string_view kind,
                                                const Plan& plan) {
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
  return ExecutorDevice{
      .make_backend = [options] { return MakeCudaBackend(0, options); },
      .make_copies = [pass_max] { return MakeCudaCopyQueue(0, pass_max); }};
}

}  // namespace penstock
