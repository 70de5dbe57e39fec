#include "worker/runtime/sim_stage.h"

#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/time/time.h"
#include "proto/base/clock.h"
#include "proto/base/random.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// What an idle processor of a virtual machine may take to wake up.
constexpr absl::Duration kWakeUp = absl::Microseconds(150);

// Until an absolute time, so that what the calls cost is not added; the end is
// waited for awake.
void SleepUntil(absl::Time end) {
  const timespec time = absl::ToTimespec(end - kWakeUp);
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) ==
         EINTR) {
  }
  while (SteadyNow() < end) {
  }
}

uint64_t Mark(const StagePass& pass, bool gradient) {
  return Mix64(static_cast<uint64_t>(pass.step) * 2 + (gradient ? 1 : 0)) ^
         static_cast<uint64_t>(pass.microbatch);
}

void Write(std::byte* tensor, int64_t bytes, uint64_t mark) {
  if (tensor == nullptr) return;
  std::memcpy(tensor, &mark, std::min<size_t>(bytes, sizeof(mark)));
}

absl::Status Expect(const std::byte* tensor, int64_t bytes, uint64_t mark) {
  if (tensor == nullptr) return absl::OkStatus();
  if (std::memcmp(tensor, &mark, std::min<size_t>(bytes, sizeof(mark))) == 0) {
    return absl::OkStatus();
  }
  return absl::DataLossError("a tensor of another micro-batch or step arrived");
}

}  // namespace

StageSizes SimStage::sizes() const {
  return {.boundary_in = first_ ? 0 : model_.boundary_bytes,
          .boundary_out = last_ ? 0 : model_.boundary_bytes};
}

absl::Status SimStage::Forward(const StagePass& pass) {
  const absl::Time begin = SteadyNow();
  RETURN_IF_ERROR(Expect(pass.input, model_.boundary_bytes, Mark(pass, false)));
  Write(pass.output, model_.boundary_bytes, Mark(pass, false));
  SleepUntil(begin + layers_ * absl::Microseconds(model_.forward_us));
  return absl::OkStatus();
}

absl::Status SimStage::Backward(const StagePass& pass) {
  RETURN_IF_ERROR(BackwardInput(pass));
  return BackwardWeight(pass);
}

absl::Status SimStage::BackwardInput(const StagePass& pass) {
  const absl::Time begin = SteadyNow();
  RETURN_IF_ERROR(
      Expect(pass.output_gradient, model_.boundary_bytes, Mark(pass, true)));
  Write(pass.input_gradient, model_.boundary_bytes, Mark(pass, true));
  SleepUntil(begin + layers_ * absl::Microseconds(model_.input_gradient_us));
  return absl::OkStatus();
}

absl::Status SimStage::BackwardWeight(const StagePass& /*pass*/) {
  SleepUntil(SteadyNow() +
             layers_ * absl::Microseconds(model_.weight_gradient_us));
  return absl::OkStatus();
}

}  // namespace penstock
