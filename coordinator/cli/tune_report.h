#ifndef COORDINATOR_CLI_TUNE_REPORT_H_
#define COORDINATOR_CLI_TUNE_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/v1/job.pb.h"

namespace penstock {

// What one micro-batch size made of a job whose samples per step stay the same.
struct TuneResult {
  int64_t micro_batch_size = 0;
  int64_t micro_batches = 0;
  std::string failure;  // Why there are no figures; empty when there are.
  // Medians over the steps but the first.
  double tokens_per_second = 0;
  double bubble_fraction = 0;
  double step_seconds = 0;
  // Of the largest rank; 0 when the job ended before any was reported.
  int64_t resident_bytes_peak = 0;
  int64_t forecast_bytes = 0;  // Of the largest rank, by the plan.
};

// The sizes to try: `wanted`, or when that is empty the powers of two, eight at
// most and the largest of them, by which `samples`, those of a replica's step,
// can be divided.
//
// Errors:
//   InvalidArgument: a wanted size does not divide `samples`; names the nearest
//     that do.
absl::StatusOr<std::vector<int64_t>> SizesToTune(
    const std::vector<int64_t>& wanted, int64_t samples);

// The figures that the metrics of a job give; memory is the caller's to add.
// Requires that there is at least one.
TuneResult Summarize(const std::vector<v1::StepMetrics>& metrics);

// The one of most tokens per second; the first of equal ones; null when none
// has figures.
const TuneResult* BestOf(const std::vector<TuneResult>& results);

// For people, the best one marked.
std::string TuneTable(const std::vector<TuneResult>& results, int width);

// Tokens per second, bubble and memory over the size.
std::string TuneDrawing(const std::string& job,
                        const std::vector<TuneResult>& results);

// A list for programs; ends without a line break.
std::string TuneJson(const std::vector<TuneResult>& results);

}  // namespace penstock

#endif  // COORDINATOR_CLI_TUNE_REPORT_H_
