#include "worker/runtime/sample_reader.h"

#include <string>
#include <utility>
#include <variant>

#include "proto/base/status_macros.h"
#include "proto/file/token_file.h"

namespace penstock {

absl::StatusOr<std::unique_ptr<SampleReader>> SampleReader::Open(
    const Plan& plan, int replica, const DataCursor& cursor,
    const AllowedRoots& roots) {
  const JobSpec& spec = plan.spec;
  const auto& config = std::get<Architecture>(spec.model.architecture);
  ASSIGN_OR_RETURN(const std::string path, roots.Resolve(spec.data.tokens));
  ASSIGN_OR_RETURN(TokenFile file, TokenFile::Open(path, spec.data.dtype,
                                                   VocabularyOf(config)));
  ASSIGN_OR_RETURN(
      Samples samples,
      Samples::Create(std::move(file),
                      {.sequence_length = SequenceLengthOf(config),
                       .shuffled = spec.data.order == SampleOrder::kShuffled,
                       .seed = spec.seed}));
  return std::unique_ptr<SampleReader>(new SampleReader(
      std::move(samples), SequenceLengthOf(config), replica, cursor));
}

absl::Status SampleReader::Read(int64_t step, int microbatch,
                                std::span<int32_t> tokens,
                                std::span<int32_t> labels) {
  const int64_t first = cursor_.FirstSample(step, replica_, microbatch);
  for (int64_t i = 0; i < cursor_.micro_batch_size; ++i) {
    const size_t begin = static_cast<size_t>(i * sequence_length_);
    const size_t length = static_cast<size_t>(sequence_length_);
    samples_.Read(first + i, tokens.subspan(begin, length),
                  labels.subspan(begin, length));
  }
  return absl::OkStatus();
}

}  // namespace penstock
