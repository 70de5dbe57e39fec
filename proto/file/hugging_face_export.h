#ifndef PROTO_FILE_HUGGING_FACE_EXPORT_H_
#define PROTO_FILE_HUGGING_FACE_EXPORT_H_

#include <string>

#include "absl/status/status.h"
#include "proto/file/disk.h"

namespace penstock {

// Writes the weights of the checkpoint `path` as a Hugging Face directory that
// transformers loads with AutoModelForCausalLM.from_pretrained. `directory` is
// created; after a crash it is there completely or not at all.
//
// Errors: those of VerifyCheckpoint, and
//   AlreadyExists: `directory` exists.
//   ResourceExhausted: the disk is full; nothing is left behind.
absl::Status ExportHuggingFace(const std::string& checkpoint,
                               const std::string& directory, Disk& disk);

}  // namespace penstock

#endif  // PROTO_FILE_HUGGING_FACE_EXPORT_H_
