#include "proto/file/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "nlohmann/json.hpp"
#include "proto/base/status_macros.h"
#include "proto/file/checksum.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "safetensors are little-endian");

constexpr uint64_t kLengthBytes = 8;
// The reference implementation's limit.
constexpr uint64_t kHeaderBytesMax = 100'000'000;
// Data begins at a multiple of this, for aligned loads from a mapped file.
constexpr uint64_t kAlignment = 64;
constexpr size_t kDimensionsMax = 8;
constexpr const char* kMetadata = "__metadata__";

// Bytes of one value, 0 for an unknown type.
uint64_t SizeOfType(std::string_view dtype) {
  static constexpr std::pair<std::string_view, uint64_t> kTypes[] = {
      {"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
      {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
      {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  for (const auto& [name, size] : kTypes) {
    if (name == dtype) return size;
  }
  return 0;
}

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what));
}

absl::StatusOr<std::vector<int64_t>> ReadShape(const json& tensor) {
  ASSIGN_OR_RETURN(const json* array, JsonArray(tensor, "shape"));
  if (array->size() > kDimensionsMax) {
    return Invalid(fmt::format("{} dimensions; at most {} are read",
                               array->size(), kDimensionsMax));
  }
  std::vector<int64_t> shape;
  for (const json& extent : *array) {
    if (!extent.is_number_unsigned() || extent.get<uint64_t>() > INT64_MAX) {
      return Invalid("an extent that is not a whole number");
    }
    shape.push_back(extent.get<int64_t>());
  }
  return shape;
}

// Bytes of `shape` in `dtype`; empty when they do not fit 64 bits.
std::optional<uint64_t> SizeOf(const std::vector<int64_t>& shape,
                               uint64_t value_bytes) {
  uint64_t size = value_bytes;
  for (const int64_t extent : shape) {
    if (__builtin_mul_overflow(size, static_cast<uint64_t>(extent), &size)) {
      return std::nullopt;
    }
  }
  return size;
}

// `data_begin` and `data_end` bound the data within the file.
absl::StatusOr<SafetensorsEntry> ReadEntry(const json& tensor,
                                           uint64_t data_begin,
                                           uint64_t data_end) {
  SafetensorsEntry entry;
  ASSIGN_OR_RETURN(entry.dtype, JsonString(tensor, "dtype"));
  const uint64_t value_bytes = SizeOfType(entry.dtype);
  if (value_bytes == 0) {
    return Invalid(fmt::format("unknown dtype {}", Quoted(entry.dtype)));
  }
  ASSIGN_OR_RETURN(entry.shape, ReadShape(tensor));
  ASSIGN_OR_RETURN(const json* offsets, JsonArray(tensor, "data_offsets"));
  if (offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
      !(*offsets)[1].is_number_unsigned()) {
    return Invalid("data_offsets are not two whole numbers");
  }
  const auto begin = (*offsets)[0].get<uint64_t>();
  const auto end = (*offsets)[1].get<uint64_t>();
  const uint64_t data = data_end - data_begin;
  if (begin > end || end > data) {
    return Invalid(
        fmt::format("bytes [{}, {}) lie beyond the file's {} bytes of data",
                    begin, end, data));
  }
  const std::optional<uint64_t> size = SizeOf(entry.shape, value_bytes);
  if (!size.has_value() || *size != end - begin) {
    return Invalid(fmt::format("shape [{}] of {} does not fit its {} bytes",
                               fmt::join(entry.shape, ", "), entry.dtype,
                               end - begin));
  }
  entry.begin = data_begin + begin;
  entry.end = data_begin + end;
  return entry;
}

// Tensors follow each other from the first byte of data to the last.
absl::Status CheckCover(const SafetensorsIndex& index, uint64_t data_begin,
                        uint64_t data_end) {
  std::vector<const SafetensorsIndex::value_type*> order;
  for (const auto& item : index) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) {
    return std::pair(a->second.begin, a->second.end) <
           std::pair(b->second.begin, b->second.end);
  });
  uint64_t end = data_begin;
  for (const auto* item : order) {
    if (item->second.begin != end) {
      return Invalid(fmt::format("tensor {}: {}", Quoted(item->first),
                                 item->second.begin < end
                                     ? "overlaps another"
                                     : "unused bytes before it"));
    }
    end = item->second.end;
  }
  if (end == data_end) return absl::OkStatus();
  return Invalid(fmt::format("{} bytes after the last tensor", data_end - end));
}

absl::StatusOr<std::string_view> HeaderText(std::span<const std::byte> file) {
  uint64_t size = 0;
  if (file.size() < kLengthBytes) {
    return Invalid(fmt::format(
        "not a safetensors file: {} bytes, the header's length takes 8",
        file.size()));
  }
  std::memcpy(&size, file.data(), kLengthBytes);
  if (size > kHeaderBytesMax) {
    return Invalid(fmt::format(
        "not a safetensors file: a header of {} bytes; at most {} are read",
        size, kHeaderBytesMax));
  }
  if (size > file.size() - kLengthBytes) {
    return Invalid(
        fmt::format("truncated or damaged: a header of {} bytes in a file of "
                    "{} bytes",
                    size, file.size()));
  }
  return std::string_view(
      reinterpret_cast<const char*>(file.data() + kLengthBytes), size);
}

absl::StatusOr<std::string> HeaderOf(const std::vector<NamedTensor>& tensors) {
  json header = json::object();
  uint64_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    const std::optional<uint64_t> size = SizeOf(tensor.shape, sizeof(float));
    if (size != tensor.values.size_bytes()) {
      return Invalid(fmt::format(
          "tensor {}: shape [{}] does not fit {} values", Quoted(tensor.name),
          fmt::join(tensor.shape, ", "), tensor.values.size()));
    }
    if (header.contains(tensor.name) || tensor.name == kMetadata) {
      return Invalid(
          fmt::format("tensor {}: this name twice", Quoted(tensor.name)));
    }
    header[tensor.name] = {{"dtype", "F32"},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + *size}}};
    offset += *size;
  }
  // transformers wants to know which framework's layout it reads.
  header[kMetadata] = {{"format", "pt"}};
  std::string text =
      header.dump(-1, ' ', false, json::error_handler_t::replace);
  const uint64_t end = kLengthBytes + text.size();
  text.append((kAlignment - end % kAlignment) % kAlignment, ' ');
  const uint64_t size = text.size();
  std::string length(kLengthBytes, '\0');
  std::memcpy(length.data(), &size, kLengthBytes);
  return length + text;
}

}  // namespace

absl::StatusOr<SafetensorsIndex> ParseSafetensors(
    std::span<const std::byte> file) {
  ASSIGN_OR_RETURN(const std::string_view text, HeaderText(file));
  absl::StatusOr<json> header = ParseJson(text);
  if (!header.ok()) return Annotate(header.status(), "damaged header");
  if (!header->is_object()) return Invalid("damaged header: not an object");
  const uint64_t data_begin = kLengthBytes + text.size();
  SafetensorsIndex index;
  for (const auto& [name, tensor] : header->items()) {
    if (name == kMetadata) continue;
    auto entry = ReadEntry(tensor, data_begin, file.size());
    if (!entry.ok()) {
      return Annotate(entry.status(), fmt::format("tensor {}", Quoted(name)));
    }
    index.emplace(name, *std::move(entry));
  }
  RETURN_IF_ERROR(CheckCover(index, data_begin, file.size()));
  return index;
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  ASSIGN_OR_RETURN(MappedFile file, MappedFile::Open(path));
  auto index = ParseSafetensors(file.bytes());
  if (!index.ok()) return Annotate(index.status(), path);
  return SafetensorsFile(path, std::move(file), *std::move(index));
}

std::string SafetensorsFile::Describe(std::string_view name) const {
  return fmt::format("{}: tensor {}", path_, Quoted(name));
}

absl::StatusOr<const SafetensorsEntry*> SafetensorsFile::Find(
    std::string_view name, const std::vector<int64_t>& shape) const {
  const auto found = index_.find(name);
  if (found == index_.end()) {
    return absl::NotFoundError(fmt::format("{} is missing", Describe(name)));
  }
  const SafetensorsEntry& entry = found->second;
  if (entry.shape != shape) {
    return Invalid(fmt::format("{} has the shape [{}], expected [{}]",
                               Describe(name), fmt::join(entry.shape, ", "),
                               fmt::join(shape, ", ")));
  }
  return &entry;
}

absl::StatusOr<std::span<const std::byte>> SafetensorsFile::Float32(
    std::string_view name, const std::vector<int64_t>& shape) const {
  ASSIGN_OR_RETURN(const StoredFloats floats, Floats(name, shape));
  if (floats.type == FloatType::kF32) return floats.bytes;
  return absl::UnimplementedError(
      fmt::format("{} is of type {}; only F32 is read here", Describe(name),
                  index_.find(name)->second.dtype));
}

absl::StatusOr<StoredFloats> SafetensorsFile::Floats(
    std::string_view name, const std::vector<int64_t>& shape) const {
  ASSIGN_OR_RETURN(const SafetensorsEntry* const entry, Find(name, shape));
  const std::optional<FloatType> type = FloatTypeNamed(entry->dtype);
  if (!type.has_value()) {
    return absl::UnimplementedError(
        fmt::format("{} is of type {}; convert it to F32, F16 or BF16, which "
                    "are read",
                    Describe(name), entry->dtype));
  }
  return StoredFloats{bytes().subspan(entry->begin, entry->end - entry->begin),
                      *type};
}

absl::StatusOr<WrittenFile> WriteSafetensors(
    const std::string& path, const std::vector<NamedTensor>& tensors,
    Disk& disk) {
  // Small enough to be in the cache when it is written after it was hashed.
  constexpr size_t kBlock = 1 << 20;
  ASSIGN_OR_RETURN(const std::string header, HeaderOf(tensors));
  ASSIGN_OR_RETURN(const FileDescriptor file, disk.Create(path));
  Checksum checksum;
  WrittenFile written;
  const auto write = [&](std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto block = bytes.first(std::min(kBlock, bytes.size()));
      checksum.Update(block);
      RETURN_IF_ERROR(disk.Write(file, block, path));
      written.size += block.size();
      bytes = bytes.subspan(block.size());
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(write(std::as_bytes(std::span(header))));
  for (const NamedTensor& tensor : tensors) {
    RETURN_IF_ERROR(write(std::as_bytes(tensor.values)));
  }
  RETURN_IF_ERROR(disk.Sync(file, path));
  written.xxh3 = checksum.Hex();
  return written;
}

}  // namespace penstock
