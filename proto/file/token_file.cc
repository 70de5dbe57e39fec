#include "proto/file/token_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>

#include "fmt/format.h"
#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "proto/file/token_layout.h"

namespace penstock {
namespace {

// Calls `visit` with a zero of the unsigned type of `width` bytes.
template <typename Visit>
auto WithType(int width, const Visit& visit) {
  if (width == 1) return visit(uint8_t{0});
  if (width == 2) return visit(uint16_t{0});
  return visit(uint32_t{0});
}

// Index of the first token that is not below `vocabulary`, or `count`. Blocks
// of a fixed size keep the inner loop free of branches, so that it is done in
// vectors at the speed of memory.
template <typename T>
int64_t FirstAtLeast(const std::byte* tokens, int64_t count,
                     uint64_t vocabulary) {
  constexpr int64_t kBlock = 4096;
  T block[kBlock];
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = std::min(kBlock, count - begin);
    std::memcpy(block, tokens + begin * sizeof(T), size * sizeof(T));
    T highest = 0;
    for (int64_t i = 0; i < size; ++i) highest = std::max(highest, block[i]);
    if (highest < vocabulary) continue;
    const T* found = std::find_if(block, block + size,
                                  [&](T token) { return token >= vocabulary; });
    return begin + (found - block);
  }
  return count;
}

absl::StatusOr<TokenLayout> LayoutOf(const std::string& path,
                                     std::span<const std::byte> file,
                                     std::string_view dtype) {
  constexpr std::string_view kExtension = ".bin";
  if (std::string_view(path).ends_with(kExtension)) {
    const auto index = MappedFile::Open(
        path.substr(0, path.size() - kExtension.size()) + ".idx");
    if (index.ok() && IsMegatronIndex(index->bytes())) {
      return MegatronLayout(index->bytes(), file.size());
    }
  }
  return PlainLayout(file, dtype);
}

absl::Status CheckType(const TokenLayout& layout, std::string_view dtype) {
  if (dtype != "auto" && dtype != "uint16" && dtype != "uint32") {
    return absl::InvalidArgumentError(fmt::format(
        "dtype \"{}\" is unknown; auto, uint16 and uint32 can be read", dtype));
  }
  const int width = dtype == "uint32" ? 4 : 2;
  if (dtype != "auto" && layout.width != width) {
    return absl::InvalidArgumentError(fmt::format(
        "its {} header says {} bytes per token, dtype {} means {}; use auto",
        layout.name, layout.width, dtype, width));
  }
  if (layout.count == 0) return absl::InvalidArgumentError("has no tokens");
  return absl::OkStatus();
}

absl::Status CheckVocabulary(const TokenLayout& layout,
                             std::span<const std::byte> file,
                             int64_t vocabulary) {
  const std::byte* tokens = file.data() + layout.offset;
  const auto count = static_cast<int64_t>(layout.count);
  return WithType(layout.width, [&](auto zero) {
    using T = decltype(zero);
    const int64_t index = FirstAtLeast<T>(tokens, count, vocabulary);
    if (index == count) return absl::OkStatus();
    T token;
    std::memcpy(&token, tokens + index * sizeof(T), sizeof(T));
    return absl::InvalidArgumentError(
        fmt::format("token {} is {}, outside of the vocabulary of {}; use the "
                    "tokenizer's vocabulary size, or another dtype",
                    index, token, vocabulary));
  });
}

}  // namespace

TokenFile::TokenFile(MappedFile file, size_t offset, int width, int64_t count)
    : file_(std::move(file)), offset_(offset), width_(width), count_(count) {}

absl::StatusOr<TokenFile> TokenFile::Open(const std::string& path,
                                          std::string_view dtype,
                                          int64_t vocabulary) {
  const std::string context = fmt::format("token file {}", path);
  absl::StatusOr<MappedFile> file = MappedFile::Open(path);
  if (!file.ok()) {
    return Annotate(file.status(), "token file");
  }
  const auto layout = LayoutOf(path, file->bytes(), dtype);
  if (!layout.ok()) return Annotate(layout.status(), context);
  RETURN_IF_ERROR(Annotate(CheckType(*layout, dtype), context));
  RETURN_IF_ERROR(
      Annotate(CheckVocabulary(*layout, file->bytes(), vocabulary), context));
  return TokenFile(*std::move(file), layout->offset, layout->width,
                   static_cast<int64_t>(layout->count));
}

void TokenFile::Read(int64_t offset, std::span<int32_t> out) const {
  const auto size = static_cast<int64_t>(out.size());
  PENSTOCK_CHECK(offset >= 0 && size <= count_ && offset <= count_ - size);
  const std::byte* tokens = file_.bytes().data() + offset_ + offset * width_;
  WithType(width_, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t i = 0; i < size; ++i) {
      T token;
      std::memcpy(&token, tokens + i * sizeof(T), sizeof(T));
      out[i] = static_cast<int32_t>(token);
    }
  });
}

}  // namespace penstock
