#ifndef PROTO_FILE_CHECKPOINT_METRICS_H_
#define PROTO_FILE_CHECKPOINT_METRICS_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/metrics.h"

// The metrics of the last steps in a checkpoint lie beside its weights: whoever
// goes on from it tells them again, since whoever made those steps may have
// been lost before he could. One array for each field of StepMetrics, by step:
//
//   {"format": "penstock.metrics", "version": 1, "step": [49, 50],
//    "loss": [5.1, 5.0], ...}

namespace penstock {

inline constexpr char kCheckpointMetricsName[] = "metrics.json";

// More than a job can make without its coordinator: of one that takes 10 ms for
// a step, those of ten seconds, which are a lease.
inline constexpr size_t kCheckpointMetricsMax = 1024;

// `metrics` by step, each step once.
std::string CheckpointMetricsToJson(std::span<const StepMetrics> metrics);

// Errors: InvalidArgument and Unimplemented as ReadCheckpointMetrics, but the
// message names no file.
absl::StatusOr<std::vector<StepMetrics>> CheckpointMetricsFromJson(
    std::string_view text);

// Those in the checkpoint `path`, by step; none if it has no such file.
//
// Errors (all name the file):
//   InvalidArgument: the file is damaged.
//   Unimplemented: of another format version.
absl::StatusOr<std::vector<StepMetrics>> ReadCheckpointMetrics(
    const std::string& path);

}  // namespace penstock

#endif  // PROTO_FILE_CHECKPOINT_METRICS_H_
