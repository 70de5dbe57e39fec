#include "worker/runtime/sim_stage.h"

#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

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
         (static_cast<uint64_t>(pass.earlier.size()) << 32 |
          static_cast<uint64_t>(pass.microbatch));
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

int64_t SimStage::boundary_bytes() const {
  return (model_.boundary_bytes + pieces_ - 1) / pieces_;
}

absl::Duration SimStage::Time(int64_t layer_us) const {
  return layers_ * absl::Microseconds(layer_us) / pieces_;
}

StageSizes SimStage::sizes() const {
  return {.boundary_in = first_ ? 0 : boundary_bytes(),
          .boundary_out = last_ ? 0 : boundary_bytes()};
}

absl::Status SimStage::Forward(const StagePass& pass) {
  const absl::Time begin = SteadyNow();
  RETURN_IF_ERROR(Expect(pass.input, boundary_bytes(), Mark(pass, false)));
  Write(pass.output, boundary_bytes(), Mark(pass, false));
  SleepUntil(begin + Time(model_.forward_us));
  return absl::OkStatus();
}

absl::Status SimStage::Backward(const StagePass& pass) {
  RETURN_IF_ERROR(BackwardInput(pass));
  return BackwardWeight(pass);
}

absl::Status SimStage::BackwardInput(const StagePass& pass) {
  const absl::Time begin = SteadyNow();
  RETURN_IF_ERROR(
      Expect(pass.output_gradient, boundary_bytes(), Mark(pass, true)));
  Write(pass.input_gradient, boundary_bytes(), Mark(pass, true));
  SleepUntil(begin + Time(model_.input_gradient_us));
  return absl::OkStatus();
}

absl::Status SimStage::BackwardWeight(const StagePass& /*pass*/) {
  SleepUntil(SteadyNow() + Time(model_.weight_gradient_us));
  return absl::OkStatus();
}

}  // namespace penstock
