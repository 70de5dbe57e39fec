#ifndef PROTO_FILE_SAFETENSORS_H_
#define PROTO_FILE_SAFETENSORS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/base/file.h"
#include "proto/file/disk.h"
#include "proto/file/stored_floats.h"

// safetensors: 8 bytes little-endian N, N bytes of JSON that map each tensor's
// name to its type, shape and byte range, then the bytes. No code, no pickle.
// https://huggingface.co/docs/safetensors

namespace penstock {

struct SafetensorsEntry {
  std::string dtype;  // "F32", "BF16", ...
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // Bytes from the start of the file.
  uint64_t end = 0;
};

using SafetensorsIndex = std::map<std::string, SafetensorsEntry, std::less<>>;

// The index of a file with these bytes. What it returns lies within `file`,
// covers its data without hole or overlap, and fits shapes and types, whatever
// the bytes were. Does not read the data.
//
// Errors:
//   InvalidArgument: anything else; the message says what and, if it is one
//     tensor's, its name, but not the file's.
absl::StatusOr<SafetensorsIndex> ParseSafetensors(
    std::span<const std::byte> file);

// A mapped safetensors file. Immutable, so thread-safe.
class SafetensorsFile {
 public:
  // Errors: NotFound, PermissionDenied as the system says; InvalidArgument as
  // ParseSafetensors. All name the file.
  static absl::StatusOr<SafetensorsFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  const SafetensorsIndex& index() const { return index_; }
  std::span<const std::byte> bytes() const { return file_.bytes(); }

  // The bytes of a float32 tensor; valid as long as this object. May be
  // unaligned.
  //
  // Errors (all name file and tensor):
  //   NotFound: no tensor of that name.
  //   InvalidArgument: another shape.
  //   Unimplemented: another type than F32.
  absl::StatusOr<std::span<const std::byte>> Float32(
      std::string_view name, const std::vector<int64_t>& shape) const;

  // Those of a tensor of F32, F16 or BF16. Errors: likewise.
  absl::StatusOr<StoredFloats> Floats(std::string_view name,
                                      const std::vector<int64_t>& shape) const;

 private:
  SafetensorsFile(std::string path, MappedFile file, SafetensorsIndex index)
      : path_(std::move(path)),
        file_(std::move(file)),
        index_(std::move(index)) {}

  // "FILE: tensor NAME", for messages.
  std::string Describe(std::string_view name) const;
  absl::StatusOr<const SafetensorsEntry*> Find(
      std::string_view name, const std::vector<int64_t>& shape) const;

  std::string path_;
  MappedFile file_;
  SafetensorsIndex index_;
};

// A float32 tensor to be written.
struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::span<const float> values;
};

struct WrittenFile {
  uint64_t size = 0;
  std::string xxh3;  // XXH3-128 of the file, 32 hexadecimal digits.
};

// Writes the tensors in the order given, the data aligned to 64 bytes, and
// syncs the file; the caller syncs the directory.
//
// Errors:
//   InvalidArgument: a name twice, or a shape that does not fit its values.
//   ResourceExhausted: the disk is full. The file may be left incomplete.
absl::StatusOr<WrittenFile> WriteSafetensors(
    const std::string& path, const std::vector<NamedTensor>& tensors,
    Disk& disk);

}  // namespace penstock

#endif  // PROTO_FILE_SAFETENSORS_H_
