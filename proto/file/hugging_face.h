#ifndef PROTO_FILE_HUGGING_FACE_H_
#define PROTO_FILE_HUGGING_FACE_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/architecture.h"
#include "proto/file/safetensors.h"
#include "proto/file/stored_floats.h"

// Models in the form that Hugging Face's transformers saves and loads:
// config.json beside model.safetensors, or beside shards that
// model.safetensors.index.json lists.

namespace penstock {

// The architecture of the model in `directory`.
//
// Errors (all name the file):
//   NotFound: no config.json.
//   InvalidArgument: damaged, or a field is missing or out of range.
//   Unimplemented: neither a GPT-2 as in proto/gpt2.h nor a Llama as in
//     proto/llama.h (another model_type, activation, biases or scaling); the
//     message names field and value.
absl::StatusOr<Architecture> ReadHuggingFaceConfig(
    const std::string& directory);

// The weights of such a model under the names of AllParameters. Files may leave
// out the prefix "transformer." or "model.", hold the attention masks and
// rotary frequencies that old versions saved, and repeat a tied head.
// Immutable, so thread-safe.
class HuggingFaceModel {
 public:
  // Opens all files and checks that each parameter is there with its shape.
  //
  // Errors: as ReadHuggingFaceConfig, and
  //   NotFound: a file or a tensor is missing.
  //   InvalidArgument: a damaged file, or a tensor of another shape or unknown
  //     name.
  //   Unimplemented: weights of another type than F32, F16 and BF16.
  static absl::StatusOr<HuggingFaceModel> Open(const std::string& directory);

  const Architecture& config() const { return config_; }

  // A parameter of this model; valid as long as this object. Empty for any
  // other name.
  StoredFloats Find(std::string_view name) const;

 private:
  Architecture config_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, StoredFloats, std::less<>> weights_;
};

}  // namespace penstock

#endif  // PROTO_FILE_HUGGING_FACE_H_
