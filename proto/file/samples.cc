#include "proto/file/samples.h"

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/random.h"
#include "proto/file/permutation.h"

namespace penstock {

absl::StatusOr<Samples> Samples::Create(TokenFile file,
                                        const SampleOptions& options) {
  const int64_t length = options.sequence_length;
  if (length < 1 || (file.count() - 1) / length < 1) {
    return absl::InvalidArgumentError(
        fmt::format("{} tokens are not one sample of sequence length {}, which "
                    "takes {}; use a longer text or a shorter sequence",
                    file.count(), length, length + 1));
  }
  const int64_t count = (file.count() - 1) / length;
  return Samples(std::move(file), options, count);
}

int64_t Samples::PlaceOf(int64_t k) const {
  PENSTOCK_CHECK(k >= 0);
  const int64_t place = k % count_;
  if (!options_.shuffled) return place;
  const auto epoch = static_cast<uint64_t>(k / count_);
  // Mixed twice, so that seeds and epochs next to each other do not meet.
  const uint64_t seed = Mix64(Mix64(options_.seed) + epoch);
  return static_cast<int64_t>(Permute(static_cast<uint64_t>(place),
                                      static_cast<uint64_t>(count_), seed));
}

void Samples::Read(int64_t k, std::span<int32_t> tokens,
                   std::span<int32_t> labels) const {
  const int64_t length = options_.sequence_length;
  PENSTOCK_CHECK(static_cast<int64_t>(tokens.size()) == length &&
                 static_cast<int64_t>(labels.size()) == length);
  const int64_t begin = PlaceOf(k) * length;
  file_.Read(begin, tokens);
  file_.Read(begin + 1, labels);
}

}  // namespace penstock
