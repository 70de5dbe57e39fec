#include "proto/file/token_writer.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>

#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::Status CheckText(const std::string& path,
                       std::span<const std::byte> text) {
  if (text.empty()) {
    return absl::InvalidArgumentError(fmt::format("text {} is empty", path));
  }
  const void* found = std::memchr(text.data(), 0, text.size());
  if (found == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "text {} has a NUL byte at offset {}, which separates documents; is it "
      "text in UTF-8?",
      path, static_cast<const std::byte*>(found) - text.data()));
}

// Writes one document, a block at a time.
absl::Status WriteTokens(std::span<const std::byte> text,
                         const FileDescriptor& file, const std::string& path,
                         Disk& disk) {
  constexpr size_t kBlock = 1 << 20;
  std::vector<uint16_t> tokens;
  while (!text.empty()) {
    const auto block = text.first(std::min(kBlock, text.size()));
    tokens.resize(block.size());
    std::transform(
        block.begin(), block.end(), tokens.begin(),
        [](std::byte byte) { return std::to_integer<uint16_t>(byte); });
    RETURN_IF_ERROR(disk.Write(file, std::as_bytes(std::span(tokens)), path));
    text = text.subspan(block.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<PreparedTokens> WriteDocuments(
    const std::vector<std::string>& texts, const std::string& path,
    Disk& disk) {
  ASSIGN_OR_RETURN(const FileDescriptor file, disk.Create(path));
  PreparedTokens prepared;
  for (const std::string& name : texts) {
    ASSIGN_OR_RETURN(const MappedFile text, MappedFile::Open(name));
    RETURN_IF_ERROR(CheckText(name, text.bytes()));
    if (prepared.documents > 0) {
      RETURN_IF_ERROR(disk.Write(
          file, std::as_bytes(std::span(&kDocumentSeparator, 1)), path));
      ++prepared.tokens;
    }
    RETURN_IF_ERROR(WriteTokens(text.bytes(), file, path, disk));
    prepared.tokens += static_cast<int64_t>(text.bytes().size());
    ++prepared.documents;
  }
  RETURN_IF_ERROR(disk.Sync(file, path));
  return prepared;
}

}  // namespace

absl::StatusOr<PreparedTokens> PrepareTokens(
    const std::vector<std::string>& texts, const std::string& output,
    Disk& disk) {
  if (texts.empty()) {
    return absl::InvalidArgumentError("no text; name at least one file");
  }
  for (const std::string& text : texts) {
    std::error_code error;
    if (std::filesystem::equivalent(text, output, error)) {
      return absl::InvalidArgumentError(
          fmt::format("{} is both text and output", text));
    }
  }
  const std::string temporary = output + ".tmp";
  const auto prepared = WriteDocuments(texts, temporary, disk);
  if (!prepared.ok()) {
    // The first error is the one to report.
    disk.Remove(temporary).IgnoreError();
    return prepared.status();
  }
  RETURN_IF_ERROR(disk.Rename(temporary, output));
  RETURN_IF_ERROR(
      disk.SyncDirectory(std::filesystem::path(output).parent_path().string()));
  return prepared;
}

}  // namespace penstock
