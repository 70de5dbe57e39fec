#ifndef PROTO_JOB_SPEC_H_
#define PROTO_JOB_SPEC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"
#include "proto/architecture.h"
#include "proto/precision.h"
#include "proto/unit_layout.h"

namespace penstock {

// A model whose layers sleep instead of computing: the real control path, plans
// and links with more stages than cores. Times are per layer and micro-batch.
struct SimModel {
  int64_t layers = 0;
  int64_t forward_us = 0;
  int64_t input_gradient_us = 0;
  int64_t weight_gradient_us = 0;
  int64_t boundary_bytes = 4096;  // Of one tensor between two stages.
  // A message between two ranks takes so much longer than over the real link;
  // unknown to forecasts.
  int64_t hop_us = 0;
  // So many leave for another rank; 0: as many as over the real link. Unknown
  // to forecasts as well.
  int64_t hop_bytes_per_second = 0;

  friend bool operator==(const SimModel&, const SimModel&) = default;
};

// What is trained. Before planning, a job that starts from files has their
// configuration read into `architecture`.
struct ModelSpec {
  std::variant<Architecture, SimModel> architecture;
  // Directory with config.json and model.safetensors in Hugging Face form whose
  // weights training starts from; empty to draw them from the seed.
  std::string init_from;
  // Tokens of a sample, at most what the directory's configuration says, which
  // 0 stands for. 0 without init_from.
  int64_t sequence_length = 0;
};

enum class SampleOrder { kSequential, kShuffled };

struct DataSpec {
  std::string tokens;          // Path of the token file.
  std::string dtype = "auto";  // uint16, uint32, or auto by the file's header.
  SampleOrder order = SampleOrder::kSequential;
};

// AdamW (Loshchilov & Hutter 2019), decay on tensors of two or more dimensions.
struct AdamWSpec {
  double learning_rate = 3e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  double clip_norm = 1.0;  // Of the global gradient norm; 0 for no clipping.
  int64_t warmup_steps = 0;
  bool cosine_decay = false;  // To `final_learning_rate`; else constant.
  double final_learning_rate = 0.0;
};

struct BatchSpec {
  int64_t micro_batch_size = 1;  // Samples.
  int64_t micro_batches = 1;     // Per replica and step.

  friend bool operator==(const BatchSpec&, const BatchSpec&) = default;
};

// When F is made again before B instead of keeping what it saved.
enum class Recompute {
  kNever,
  kAlways,
  kExceptLast,  // All but the last micro-batch's.
  kByMemory,    // Of the stages of those ranks that do not fit otherwise.
};

// How tensors travel between ranks.
enum class LinkChoice {
  kAuto,  // By NCCL where it can be.
  kGrpc,
  kNccl,  // Everywhere, or not at all.
};

struct ParallelismSpec {
  int64_t pipeline = 1;  // Ranks of one pipeline.
  int64_t data = 1;      // Replicas.
  std::string schedule = "1f1b";
  // What the schedule may be told besides; 0 is always its own choice. See
  // ScheduleRequest for what each means.
  int64_t stages_per_rank = 0;
  int64_t group_size = 0;
  int64_t slack = 0;
  int64_t sequence_pieces = 0;
  int64_t activations_max = 0;
  int64_t update_every = 0;
  bool vertical_sync = false;
  Recompute recompute = Recompute::kNever;
  // The update does not wait for the global norm; when clipping or a value that
  // is not finite asks for another update, it is taken back exactly.
  bool optimistic_update = false;
  LinkChoice link = LinkChoice::kAuto;
};

// What computes. The coordinator makes a kAuto one of the others when it takes
// the job.
enum class DeviceChoice { kAuto, kCpu, kCuda };

// As DeviceShape::kind has it, "auto" besides.
std::string_view ToString(DeviceChoice device);

struct CheckpointSpec {
  int64_t every_steps = 0;  // 0: only at the end and on pause.
  int64_t keep = 2;         // Newest complete ones that are kept; >= 1.
  std::string resume_from;  // A checkpoint directory to start from; or empty.
};

// A job as its submitter wrote it, with defaults filled in.
struct JobSpec {
  std::string name;
  ModelSpec model;
  DataSpec data;
  AdamWSpec optimizer;
  BatchSpec batch;
  ParallelismSpec parallelism;
  int64_t steps = 0;
  uint64_t seed = 1234;
  Precision precision = Precision::kFp32;
  CheckpointSpec checkpoint;
  DeviceChoice device = DeviceChoice::kAuto;
  bool fast_attention = false;  // Gives up the same bits; see job.proto.
};

// False for a job that starts from files whose configuration has not been read
// into `architecture` yet.
bool HasArchitecture(const ModelSpec& model);

// What a partition may cut between: UnitCount(Architecture), or a sim model's
// layers. Requires HasArchitecture.
int64_t UnitCount(const ModelSpec& model);

// Of one micro-batch; a sim model's sample counts as one token.
int64_t TokensPerMicroBatch(const JobSpec& spec);

// Of micro-batches whose sequences are cut into `pieces`, on the device of the
// job, which is known (never kAuto) once it is planned.
PassShape PassShapeOf(const JobSpec& spec, int pieces);

// Everything that can be told from the spec alone: ranges, divisibility, names.
// What needs the cluster (memory, files) is checked where that is known.
//
// Errors:
//   InvalidArgument: "<field path>: <value>: <what would be accepted>", the
//     first in the order of the fields.
absl::Status Validate(const JobSpec& spec);

}  // namespace penstock

#endif  // PROTO_JOB_SPEC_H_
