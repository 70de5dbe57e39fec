#include "worker/checkpoint/shard_report.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "nlohmann/json.hpp"
#include "proto/base/check.h"
#include "proto/base/status_macros.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;

// Leaves room for the rest even if every byte of it had to be escaped.
constexpr size_t kMessageBytesMax = 80;

std::string ToJson(const ShardReport& report, std::string_view message) {
  json files = json::array();
  for (const ShardFile& file : report.files) {
    files.push_back(
        {{"file", file.file}, {"size", file.size}, {"xxh3", file.xxh3}});
  }
  const json object = {{"epoch", report.epoch},
                       {"step", report.step},
                       {"rank", report.rank},
                       {"code", static_cast<int>(report.status.code())},
                       {"message", std::string(message)},
                       {"files", files}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<ShardFile> ParseFile(const json& object) {
  ShardFile file;
  ASSIGN_OR_RETURN(file.file, JsonString(object, "file"));
  ASSIGN_OR_RETURN(file.size, JsonUnsigned(object, "size"));
  ASSIGN_OR_RETURN(file.xxh3, JsonString(object, "xxh3"));
  return file;
}

absl::StatusOr<absl::Status> ParseStatus(const json& object) {
  ASSIGN_OR_RETURN(const int64_t code, JsonInteger(object, "code"));
  ASSIGN_OR_RETURN(const std::string message, JsonString(object, "message"));
  if (code < 0 || code > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    return absl::InvalidArgumentError("unknown status code");
  }
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

absl::StatusOr<ShardReport> FromJson(const json& object) {
  ShardReport report;
  ASSIGN_OR_RETURN(report.epoch, JsonUnsigned(object, "epoch"));
  ASSIGN_OR_RETURN(report.step, JsonInteger(object, "step"));
  ASSIGN_OR_RETURN(const int64_t rank, JsonInteger(object, "rank"));
  report.rank = static_cast<int>(rank);
  ASSIGN_OR_RETURN(report.status, ParseStatus(object));
  ASSIGN_OR_RETURN(const json* files, JsonArray(object, "files"));
  for (const json& file : *files) {
    ASSIGN_OR_RETURN(ShardFile parsed, ParseFile(file));
    report.files.push_back(std::move(parsed));
  }
  return report;
}

}  // namespace

ShardReportBytes Serialize(const ShardReport& report) {
  const std::string message(report.status.message());
  std::string text = ToJson(report, message);
  if (text.size() > kShardReportBytes) {
    text = ToJson(report, message.substr(0, kMessageBytesMax));
  }
  PENSTOCK_CHECK(text.size() <= kShardReportBytes);
  ShardReportBytes bytes;
  std::memset(bytes.data(), ' ', bytes.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

absl::StatusOr<ShardReport> ParseShardReport(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              bytes.size());
  const auto object = ParseJson(text);
  if (!object.ok()) return Annotate(object.status(), "shard report");
  auto report = FromJson(*object);
  if (!report.ok()) return Annotate(report.status(), "shard report");
  return report;
}

}  // namespace penstock
