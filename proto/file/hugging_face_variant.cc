#include "proto/file/hugging_face_variant.h"

#include <string>

#include "fmt/format.h"

namespace penstock {
namespace {

std::string Text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

absl::Status UnsupportedVariant(std::string_view key,
                                const nlohmann::json& value,
                                std::string_view supported) {
  return absl::UnimplementedError(
      fmt::format("\"{}\" is {}; only {} can be trained here", key, Text(value),
                  supported));
}

absl::Status CheckVariant(const nlohmann::json& object, const char* key,
                          const nlohmann::json& supported) {
  const auto found = object.find(key);
  if (found == object.end() || *found == supported) return absl::OkStatus();
  return UnsupportedVariant(key, *found, Text(supported));
}

}  // namespace penstock
