#include "coordinator/planner/solve/json_fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "fmt/format.h"
#include "proto/base/nearest_name.h"
#include "proto/base/status_macros.h"
#include "proto/file/json.h"

namespace penstock {
namespace {

using nlohmann::json;

constexpr size_t kTextMax = 64;
constexpr size_t kListMax = 64;

absl::Status Missing(const std::string& path, const std::string& accepted) {
  return absl::InvalidArgumentError(
      fmt::format("{}: missing: must be {}", path, accepted));
}

std::string Joined(const std::vector<std::string>& names) {
  return fmt::format("one of {}", fmt::join(names, ", "));
}

std::string RangeText(const IntegerRule& rule) {
  return fmt::format("a whole number from {} to {}", rule.min, rule.max);
}

absl::StatusOr<int64_t> IntegerOf(const json& value, const std::string& path,
                                  const IntegerRule& rule) {
  // Whole numbers written as 3.0 or 1e6 are whole numbers, too.
  const double real = value.is_number() ? value.get<double>() : 0.5;
  const bool whole = value.is_number_integer() ||
                     (value.is_number_float() && real == std::floor(real));
  if (!whole || real < static_cast<double>(rule.min) ||
      real > static_cast<double>(rule.max)) {
    return BadValue(path, value, RangeText(rule));
  }
  return value.is_number_float() ? static_cast<int64_t>(real)
                                 : value.get<int64_t>();
}

absl::StatusOr<std::string> NameOf(const json& value, const std::string& path,
                                   const std::vector<std::string>& names) {
  const std::string name =
      value.is_string() ? value.get<std::string>() : std::string();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return BadValue(path, value, Joined(names));
  }
  return name;
}

}  // namespace

absl::Status BadValue(const std::string& path, const json& value,
                      const std::string& accepted) {
  constexpr size_t kShown = 60;
  std::string text = value.is_object()  ? "an object"
                     : value.is_array() ? "an array"
                     : value.is_string()
                         ? Quoted(value.get_ref<const std::string&>())
                         : value.dump();
  if (text.size() > kShown) text = text.substr(0, kShown) + "...";
  return absl::InvalidArgumentError(
      fmt::format("{}: {}: must be {}", path, text, accepted));
}

absl::StatusOr<JsonFields> JsonFields::Create(
    const json& value, const std::string& path,
    const std::vector<std::string>& known) {
  if (!value.is_object()) {
    return BadValue(path.empty() ? "file" : path, value,
                    fmt::format("an object with {}", fmt::join(known, ", ")));
  }
  const JsonFields fields(value, path);
  for (const auto& [key, unused] : value.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string nearest = NearestName(key, known);
    return absl::InvalidArgumentError(fmt::format(
        "{}: unknown field; {}", fields.PathOf(Quoted(key)),
        nearest.empty() ? fmt::format("there are {}", fmt::join(known, ", "))
                        : fmt::format("did you mean {}?", nearest)));
  }
  return fields;
}

std::string JsonFields::PathOf(const std::string& key) const {
  if (path_.empty()) return key;
  return key.empty() ? path_ : path_ + "." + key;
}

absl::StatusOr<int64_t> JsonFields::Integer(const char* key,
                                            const IntegerRule& rule) const {
  if (Has(key)) return IntegerOf((*this)[key], PathOf(key), rule);
  if (rule.absent.has_value()) return *rule.absent;
  return Missing(PathOf(key), RangeText(rule));
}

absl::StatusOr<double> JsonFields::Number(const char* key,
                                          const NumberRule& rule) const {
  const std::string accepted =
      fmt::format("a number from {} to {}", rule.min, rule.max);
  if (!Has(key)) {
    if (rule.absent.has_value()) return *rule.absent;
    return Missing(PathOf(key), accepted);
  }
  const json& value = (*this)[key];
  if (value.is_number() && value.get<double>() >= rule.min &&
      value.get<double>() <= rule.max) {
    return value.get<double>();
  }
  return BadValue(PathOf(key), value, accepted);
}

absl::StatusOr<bool> JsonFields::Bool(const char* key, bool absent) const {
  if (!Has(key)) return absent;
  if ((*this)[key].is_boolean()) return (*this)[key].get<bool>();
  return BadValue(PathOf(key), (*this)[key], "true or false");
}

absl::StatusOr<std::string> JsonFields::Text(const char* key,
                                             const std::string& absent) const {
  if (!Has(key)) return absent;
  const json& value = (*this)[key];
  if (value.is_string() &&
      value.get_ref<const std::string&>().size() <= kTextMax) {
    return value.get<std::string>();
  }
  return BadValue(PathOf(key), value,
                  fmt::format("a string of at most {} bytes", kTextMax));
}

absl::StatusOr<std::string> JsonFields::Name(
    const char* key, const std::vector<std::string>& names,
    const std::string& absent) const {
  if (!Has(key)) return absent;
  return NameOf((*this)[key], PathOf(key), names);
}

absl::StatusOr<std::vector<const json*>> JsonFields::Array(const char* key,
                                                           size_t min,
                                                           size_t max) const {
  std::vector<const json*> entries;
  const std::string accepted =
      fmt::format("an array of {} to {} entries", min, max);
  if (!Has(key)) {
    if (min == 0) return entries;
    return Missing(PathOf(key), accepted);
  }
  const json& value = (*this)[key];
  if (!value.is_array()) return BadValue(PathOf(key), value, accepted);
  if (value.size() < min || value.size() > max) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} entries: must be {}", PathOf(key), value.size(), accepted));
  }
  for (const json& entry : value) entries.push_back(&entry);
  return entries;
}

absl::StatusOr<std::vector<int64_t>> JsonFields::Integers(
    const char* key, const IntegerRule& rule) const {
  ASSIGN_OR_RETURN(const std::vector<const json*> entries,
                   Array(key, 0, kListMax));
  std::vector<int64_t> integers;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", PathOf(key), i);
    ASSIGN_OR_RETURN(const int64_t integer, IntegerOf(*entries[i], path, rule));
    if (std::find(integers.begin(), integers.end(), integer) !=
        integers.end()) {
      return BadValue(path, *entries[i], "different from those before");
    }
    integers.push_back(integer);
  }
  return integers;
}

absl::StatusOr<std::vector<std::string>> JsonFields::Names(
    const char* key, const std::vector<std::string>& names) const {
  ASSIGN_OR_RETURN(const std::vector<const json*> entries,
                   Array(key, 0, kListMax));
  std::vector<std::string> chosen;
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", PathOf(key), i);
    ASSIGN_OR_RETURN(std::string name, NameOf(*entries[i], path, names));
    if (std::find(chosen.begin(), chosen.end(), name) != chosen.end()) {
      return BadValue(path, *entries[i], "different from those before");
    }
    chosen.push_back(std::move(name));
  }
  return chosen;
}

}  // namespace penstock
