#ifndef COORDINATOR_PLANNER_SOLVE_JSON_FIELDS_H_
#define COORDINATOR_PLANNER_SOLVE_JSON_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace penstock {

// What a number may be, and what it is when it is not given; without that it
// must be.
struct IntegerRule {
  int64_t min = 0;
  int64_t max = 0;
  std::optional<int64_t> absent;
};
struct NumberRule {
  double min = 0;
  double max = 0;
  std::optional<double> absent;
};

// Reads the fields of one JSON object. Every error is InvalidArgument: the
// field's path, its value and what would be accepted. Refers to the value that
// it was made from.
class JsonFields {
 public:
  // Errors: `value` is not an object, or has a field that is not in `known`;
  // then the nearest is named.
  static absl::StatusOr<JsonFields> Create(
      const nlohmann::json& value, const std::string& path,
      const std::vector<std::string>& known);

  bool Has(const char* key) const { return value_->contains(key); }

  // "layers[2].times"; of this object with "".
  std::string PathOf(const std::string& key) const;

  // Requires Has(key).
  const nlohmann::json& operator[](const char* key) const {
    return value_->at(key);
  }

  absl::StatusOr<int64_t> Integer(const char* key,
                                  const IntegerRule& rule) const;
  absl::StatusOr<double> Number(const char* key, const NumberRule& rule) const;
  absl::StatusOr<bool> Bool(const char* key, bool absent) const;
  // Of at most 64 bytes.
  absl::StatusOr<std::string> Text(const char* key,
                                   const std::string& absent) const;
  // One of `names`.
  absl::StatusOr<std::string> Name(const char* key,
                                   const std::vector<std::string>& names,
                                   const std::string& absent) const;

  // An array of `min` to `max` entries; empty when it is absent and min is 0.
  absl::StatusOr<std::vector<const nlohmann::json*>> Array(const char* key,
                                                           size_t min,
                                                           size_t max) const;
  // Different numbers, at most 64, ascending as given or not.
  absl::StatusOr<std::vector<int64_t>> Integers(const char* key,
                                                const IntegerRule& rule) const;
  absl::StatusOr<std::vector<std::string>> Names(
      const char* key, const std::vector<std::string>& names) const;

 private:
  JsonFields(const nlohmann::json& value, std::string path)
      : value_(&value), path_(std::move(path)) {}

  const nlohmann::json* value_;
  std::string path_;
};

// "path: value: must be accepted", the value cut when it is long.
absl::Status BadValue(const std::string& path, const nlohmann::json& value,
                      const std::string& accepted);

}  // namespace penstock

#endif  // COORDINATOR_PLANNER_SOLVE_JSON_FIELDS_H_
