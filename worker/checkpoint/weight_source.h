#ifndef WORKER_CHECKPOINT_WEIGHT_SOURCE_H_
#define WORKER_CHECKPOINT_WEIGHT_SOURCE_H_

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/architecture.h"

namespace penstock {

// Where a rank reads the weights it starts from. Thread-compatible.
//
// Errors of the methods (all name file and tensor):
//   NotFound: no such tensor.
//   InvalidArgument: another shape, or the file's checksum is wrong.
class WeightSource {
 public:
  virtual ~WeightSource() = default;

  virtual const Architecture& model() const = 0;

  // Fills `out` with the parameter's values, row-major.
  virtual absl::Status ReadWeight(const Parameter& parameter,
                                  std::span<float> out) = 0;

  // False when only weights are there; AdamW then starts from zero moments.
  virtual bool has_moments() const = 0;

  // Fills `exp_avg` and `exp_avg_sq` with AdamW's moments of the parameter.
  //
  // Errors: also FailedPrecondition without moments.
  virtual absl::Status ReadMoments(const Parameter& parameter,
                                   std::span<float> exp_avg,
                                   std::span<float> exp_avg_sq) = 0;
};

// A penstock checkpoint, whatever ranks wrote it. Reads a shard's checksum when
// its first tensor is asked for, so a rank pays only for the shards it uses.
//
// Errors: as ReadManifest, and
//   FailedPrecondition: it is of another model than `model`; names the field.
absl::StatusOr<std::unique_ptr<WeightSource>> OpenCheckpointSource(
    const std::string& path, const Architecture& model);

// A Hugging Face directory. `model` may have shorter sequences than the files;
// then the first rows of a position table are read.
//
// Errors: as HuggingFaceModel::Open, and FailedPrecondition as above.
absl::StatusOr<std::unique_ptr<WeightSource>> OpenHuggingFaceSource(
    const std::string& directory, const Architecture& model);

}  // namespace penstock

#endif  // WORKER_CHECKPOINT_WEIGHT_SOURCE_H_
