#ifndef TESTS_GPU_THROUGHPUT_H_
#define TESTS_GPU_THROUGHPUT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "tests/gpu/workload.h"
#include "worker/runtime/backend_maker.h"

namespace penstock::gpu {

struct ThroughputOptions {
  std::string kind = "cpu";  // Of the device, for plans.
  BackendMaker make_backend;
  Precision precision = Precision::kBf16;
  int64_t warmup = 5;
  int64_t steps = 20;
  // Bytes of the device in use now; asked when all steps are made.
  std::function<int64_t()> used_bytes;
};

// What one workload did on so many virtual stages, all on one device.
struct Throughput {
  int64_t stages = 0;
  BatchSpec batch;  // The workload's, or smaller micro-batches that fit.
  double step_seconds = 0;  // Median of the timed steps.
  double tokens_per_second = 0;
  int64_t arena_bytes = 0;     // Taken by all ranks.
  int64_t forecast_bytes = 0;  // Of it, by the plan.
  int64_t used_bytes = 0;
};

// Trains on random tokens by the runtime that executors have: a step has all
// its passes, the norm, clipping and AdamW. Ranks are threads, joined by copies
// within the device. When memory is short the micro-batches are halved, and
// there are twice as many.
//
// Errors: of the job.
absl::StatusOr<Throughput> MeasureThroughput(const Workload& workload,
                                             int64_t stages,
                                             const ThroughputOptions& options);

}  // namespace penstock::gpu

#endif  // TESTS_GPU_THROUGHPUT_H_
