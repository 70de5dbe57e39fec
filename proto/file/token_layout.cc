#include "proto/file/token_layout.h"

#include <bit>
#include <cstring>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

static_assert(std::endian::native == std::endian::little,
              "token files are little-endian");

constexpr std::string_view kMegatronMagic("MMIDIDX\0\0", 9);
constexpr uint64_t kMegatronHeaderBytes = 34;
constexpr uint64_t kLlmcHeaderBytes = 1024;

// The number at `offset`, which must lie within `bytes`.
template <typename T>
T NumberAt(std::span<const std::byte> bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// By Megatron's type codes; 0 for the ones that are no token types.
int WidthOfMegatronType(uint8_t code) {
  switch (code) {
    case 1:
      return 1;  // uint8
    case 4:
      return 4;  // int32
    case 8:
      return 2;  // uint16
    default:
      return 0;
  }
}

// Sequences follow each other without gaps, and documents end with them.
absl::Status CheckMegatronIndex(std::span<const std::byte> index, int width,
                                uint64_t sequences, uint64_t documents,
                                uint64_t size) {
  const uint64_t pointers = kMegatronHeaderBytes + 4 * sequences;
  uint64_t end = 0;
  for (uint64_t i = 0; i < sequences; ++i) {
    const auto length = NumberAt<int32_t>(index, kMegatronHeaderBytes + 4 * i);
    if (length < 0 || NumberAt<uint64_t>(index, pointers + 8 * i) != end) {
      return absl::InvalidArgumentError(fmt::format(
          "damaged index: sequence {} does not begin where the one before ends",
          i));
    }
    end += static_cast<uint64_t>(length) * width;
  }
  if (end != size) {
    return absl::InvalidArgumentError(fmt::format(
        "truncated: its index says {} bytes, it has {}", end, size));
  }
  const uint64_t last = pointers + 8 * sequences + 8 * (documents - 1);
  if (NumberAt<uint64_t>(index, last) != sequences) {
    return absl::InvalidArgumentError(
        "damaged index: the documents do not end with the sequences");
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenLayout> LlmcLayout(std::span<const std::byte> file,
                                       int width) {
  const auto version = NumberAt<int32_t>(file, 4);
  if (version != 1 && version != 7) {
    return absl::InvalidArgumentError(fmt::format(
        "llm.c header of version {}; versions 1 and 7 can be read", version));
  }
  const auto count = NumberAt<int32_t>(file, 8);
  const uint64_t bytes = file.size() - kLlmcHeaderBytes;
  if (count < 0 || static_cast<uint64_t>(count) * width != bytes) {
    return absl::InvalidArgumentError(fmt::format(
        "truncated or damaged: its llm.c header says {} tokens of {} bytes, "
        "{} bytes follow it",
        count, width, bytes));
  }
  return TokenLayout{kLlmcHeaderBytes, width, static_cast<uint64_t>(count),
                     "llm.c"};
}

int WidthOfLlmcMagic(int32_t magic) {
  if (magic == 20240520) return 2;
  if (magic == 20240801) return 4;
  return 0;
}

}  // namespace

bool IsMegatronIndex(std::span<const std::byte> index) {
  return index.size() >= kMegatronMagic.size() &&
         std::memcmp(index.data(), kMegatronMagic.data(),
                     kMegatronMagic.size()) == 0;
}

absl::StatusOr<TokenLayout> MegatronLayout(std::span<const std::byte> index,
                                           uint64_t size) {
  if (!IsMegatronIndex(index) || index.size() < kMegatronHeaderBytes) {
    return absl::InvalidArgumentError("truncated index");
  }
  if (const auto version = NumberAt<uint64_t>(index, 9); version != 1) {
    return absl::InvalidArgumentError(fmt::format(
        "Megatron index of version {}; version 1 can be read", version));
  }
  const auto code = NumberAt<uint8_t>(index, 17);
  const int width = WidthOfMegatronType(code);
  if (width == 0) {
    return absl::InvalidArgumentError(fmt::format(
        "Megatron type code {} is no token type; uint8 (1), int32 (4) and "
        "uint16 (8) can be read",
        code));
  }
  const auto sequences = NumberAt<uint64_t>(index, 18);
  const auto documents = NumberAt<uint64_t>(index, 26);
  // Bounded one by one first, so that the sum cannot overflow.
  const uint64_t most = index.size() / 8;
  if (documents < 1 || sequences > most || documents > most ||
      kMegatronHeaderBytes + 12 * sequences + 8 * documents != index.size()) {
    return absl::InvalidArgumentError(fmt::format(
        "damaged index: {} sequences and {} documents do not fit its {} bytes",
        sequences, documents, index.size()));
  }
  RETURN_IF_ERROR(CheckMegatronIndex(index, width, sequences, documents, size));
  return TokenLayout{0, width, size / width, "Megatron"};
}

absl::StatusOr<TokenLayout> PlainLayout(std::span<const std::byte> file,
                                        std::string_view dtype) {
  if (file.size() >= kLlmcHeaderBytes) {
    const int width = WidthOfLlmcMagic(NumberAt<int32_t>(file, 0));
    if (width != 0) return LlmcLayout(file, width);
  }
  const int width = dtype == "uint32" ? 4 : 2;
  if (file.size() % width != 0) {
    return absl::InvalidArgumentError(
        fmt::format("truncated: {} bytes are not a whole number of tokens of "
                    "{} bytes",
                    file.size(), width));
  }
  return TokenLayout{0, width, file.size() / width, "plain"};
}

}  // namespace penstock
