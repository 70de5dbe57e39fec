#ifndef PROTO_FILE_JSON_H_
#define PROTO_FILE_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace penstock {

// How deep objects and arrays may be nested. The deepest file format here has
// four levels.
inline constexpr int kJsonDepthMax = 32;

// The value that `text` holds. Never throws, and never needs more stack or more
// than a fixed multiple of the text's memory, whatever the text is.
//
// Errors:
//   InvalidArgument: not JSON, nested too deep, or an object with a key twice;
//     the message has the byte or the key.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text);

// The field `key` of `object`.
//
// Errors (all name the key):
//   InvalidArgument: no object, no such field, or another type; an integer also
//     when it does not fit.
absl::StatusOr<int64_t> JsonInteger(const nlohmann::json& object,
                                    const char* key);
// The size of something, 1 to `most`: bounded, so that what is computed from it
// cannot overflow.
absl::StatusOr<int64_t> JsonExtent(const nlohmann::json& object,
                                   const char* key,
                                   int64_t most = int64_t{1} << 24);
absl::StatusOr<double> JsonReal(const nlohmann::json& object, const char* key);
absl::StatusOr<uint64_t> JsonUnsigned(const nlohmann::json& object,
                                      const char* key);
absl::StatusOr<std::string> JsonString(const nlohmann::json& object,
                                       const char* key);
absl::StatusOr<bool> JsonBool(const nlohmann::json& object, const char* key);
absl::StatusOr<const nlohmann::json*> JsonArray(const nlohmann::json& object,
                                                const char* key);
absl::StatusOr<const nlohmann::json*> JsonObject(const nlohmann::json& object,
                                                 const char* key);

// `text` in quotes for a message: what does not print is escaped, and more than
// 80 bytes are cut.
std::string Quoted(std::string_view text);

}  // namespace penstock

#endif  // PROTO_FILE_JSON_H_
