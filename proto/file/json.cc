#include "proto/file/json.h"

#include <cctype>
#include <limits>
#include <set>
#include <vector>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

using nlohmann::json;

// Reads the events of a text without building anything and stops at the first
// that is not allowed. The library's own tree builder checks neither depth nor
// double keys.
class Checker : public nlohmann::json_sax<json> {
 public:
  const std::string& problem() const { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(json::binary_t&) override { return true; }

  bool start_object(size_t) override {
    keys_.emplace_back();
    return Enter();
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(size_t) override { return Enter(); }
  bool end_array() override {
    --depth_;
    return true;
  }

  bool key(std::string& name) override {
    if (keys_.back().insert(name).second) return true;
    problem_ = fmt::format("key {} twice", Quoted(name));
    return false;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem_ = fmt::format("not JSON at byte {}", position);
    return false;
  }

 private:
  bool Enter() {
    if (++depth_ <= kJsonDepthMax) return true;
    problem_ = fmt::format("JSON nested deeper than {}", kJsonDepthMax);
    return false;
  }

  int depth_ = 0;
  std::vector<std::set<std::string>> keys_;  // Of the open objects.
  std::string problem_;
};

absl::StatusOr<const json*> Field(const json& object, const char* key) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        fmt::format("no JSON object where \"{}\" is looked for", key));
  }
  const auto found = object.find(key);
  if (found == object.end()) {
    return absl::InvalidArgumentError(fmt::format("field \"{}\" missing", key));
  }
  return &*found;
}

absl::Status WrongType(const char* key, std::string_view expected) {
  return absl::InvalidArgumentError(
      fmt::format("field \"{}\" is not {}", key, expected));
}

}  // namespace

absl::StatusOr<json> ParseJson(std::string_view text) {
  Checker checker;
  if (!json::sax_parse(text, &checker)) {
    return absl::InvalidArgumentError(checker.problem());
  }
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

absl::StatusOr<int64_t> JsonInteger(const json& object, const char* key) {
  ASSIGN_OR_RETURN(const json* value, Field(object, key));
  const bool fits =
      value->is_number_unsigned()
          ? value->get<uint64_t>() <=
                static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
          : value->is_number_integer();
  if (!fits) return WrongType(key, "an integer of 64 bits");
  return value->get<int64_t>();
}

absl::StatusOr<int64_t> JsonExtent(const json& object, const char* key,
                                   int64_t most) {
  ASSIGN_OR_RETURN(const int64_t extent, JsonInteger(object, key));
  if (extent >= 1 && extent <= most) return extent;
  return absl::InvalidArgumentError(
      fmt::format("field \"{}\" is {}, outside of 1 to {}", key, extent, most));
}

absl::StatusOr<double> JsonReal(const json& object, const char* key) {
  ASSIGN_OR_RETURN(const json* value, Field(object, key));
  if (!value->is_number()) return WrongType(key, "a number");
  return value->get<double>();
}

absl::StatusOr<uint64_t> JsonUnsigned(const json& object, const char* key) {
  ASSIGN_OR_RETURN(const json* value, Field(object, key));
  if (!value->is_number_unsigned()) {
    return WrongType(key, "a whole number of 64 bits");
  }
  return value->get<uint64_t>();
}

absl::StatusOr<std::string> JsonString(const json& object, const char* key) {
  ASSIGN_OR_RETURN(const json* value, Field(object, key));
  if (!value->is_string()) return WrongType(key, "a string");
  return value->get<std::string>();
}

absl::StatusOr<bool> JsonBool(const json& object, const char* key) {
  ASSIGN_OR_RETURN(const json* value, Field(object, key));
  if (!value->is_boolean()) return WrongType(key, "true or false");
  return value->get<bool>();
}

absl::StatusOr<const json*> JsonArray(const json& object, const char* key) {
  ASSIGN_OR_RETURN(const json* value, Field(object, key));
  if (!value->is_array()) return WrongType(key, "an array");
  return value;
}

absl::StatusOr<const json*> JsonObject(const json& object, const char* key) {
  ASSIGN_OR_RETURN(const json* value, Field(object, key));
  if (!value->is_object()) return WrongType(key, "an object");
  return value;
}

std::string Quoted(std::string_view text) {
  constexpr size_t kShown = 80;
  std::string quoted = "\"";
  for (const char c : text.substr(0, kShown)) {
    if (std::isprint(static_cast<unsigned char>(c)) != 0) {
      quoted += c;
    } else {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return quoted + (text.size() > kShown ? "...\"" : "\"");
}

}  // namespace penstock
