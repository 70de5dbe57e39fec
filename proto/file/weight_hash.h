#ifndef PROTO_FILE_WEIGHT_HASH_H_
#define PROTO_FILE_WEIGHT_HASH_H_

#include <string>

#include "absl/status/statusor.h"

namespace penstock {

// One hash over all weights (not the optimizer's state) in name order: XXH3-128
// of name, NUL, number of dimensions and extents as little-endian int64, and
// the values; 32 hexadecimal digits. Independent of sharding. `path` is a
// checkpoint or a Hugging Face directory.
//
// Errors: those of VerifyCheckpoint or HuggingFaceModel::Open.
absl::StatusOr<std::string> HashWeights(const std::string& path);

}  // namespace penstock

#endif  // PROTO_FILE_WEIGHT_HASH_H_
