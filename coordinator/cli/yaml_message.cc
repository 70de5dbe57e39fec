#include "coordinator/cli/yaml_message.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "google/protobuf/descriptor.h"
#include "proto/base/check.h"
#include "proto/base/nearest_name.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

// A value, and where it stands: for messages.
struct Place {
  std::string_view file;
  std::string path;  // "model.gpt2.heads"; empty for the whole document.
  const YamlNode& node;
};

absl::Status Error(const Place& place, std::string_view what) {
  return absl::InvalidArgumentError(
      fmt::format("{}:{}: {}{}{}", place.file, place.node.line, place.path,
                  place.path.empty() ? "" : ": ", what));
}

// What stands there, for "... is not an integer".
std::string Quoted(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return fmt::format("\"{}\"", node.scalar);
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kList:
      return "a list";
  }
  return "nothing";
}

absl::Status WrongType(const Place& place, std::string_view wanted) {
  return Error(place, fmt::format("{} is not {}", Quoted(place.node), wanted));
}

std::vector<std::string> FieldNames(const Descriptor& descriptor) {
  std::vector<std::string> names;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    names.push_back(descriptor.field(i)->name());
  }
  return names;
}

absl::Status UnknownField(const Place& place, const Descriptor& descriptor) {
  const std::vector<std::string> names = FieldNames(descriptor);
  const std::string nearest = NearestName(place.node.key, names);
  return Error(
      place,
      nearest.empty()
          ? fmt::format("unknown field; here are: {}", fmt::join(names, ", "))
          : fmt::format("unknown field; did you mean \"{}\"?", nearest));
}

// All of the scalar as a number.
template <typename Number>
absl::StatusOr<Number> ParseNumber(const Place& place,
                                   std::string_view wanted) {
  const std::string& text = place.node.scalar;
  Number number{};
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = end == text.data() + text.size() && !text.empty();
  const bool out_of_range = error == std::errc::result_out_of_range;
  if (place.node.kind != YamlNode::Kind::kScalar || !whole ||
      (error != std::errc() && !out_of_range)) {
    return WrongType(place, wanted);
  }
  if (out_of_range) {
    return Error(place, fmt::format("{} is out of range; accepted are {} to {}",
                                    text, std::numeric_limits<Number>::lowest(),
                                    std::numeric_limits<Number>::max()));
  }
  return number;
}

absl::StatusOr<uint64_t> ParseUnsigned(const Place& place) {
  // from_chars sees no number in "-1", but a person does.
  const absl::StatusOr<int64_t> negative =
      ParseNumber<int64_t>(place, "an integer");
  if (negative.ok() && *negative < 0) {
    return Error(place,
                 fmt::format("{} is out of range; accepted are 0 to {}",
                             *negative, std::numeric_limits<uint64_t>::max()));
  }
  return ParseNumber<uint64_t>(place, "an integer");
}

absl::StatusOr<double> ParseDouble(const Place& place) {
  ASSIGN_OR_RETURN(const double number, ParseNumber<double>(place, "a number"));
  if (!std::isfinite(number)) return WrongType(place, "a number");
  return number;
}

absl::StatusOr<bool> ParseBool(const Place& place) {
  const std::string& text = place.node.scalar;
  if (place.node.kind == YamlNode::Kind::kScalar) {
    if (text == "true") return true;
    if (text == "false") return false;
  }
  return WrongType(place, "true or false");
}

absl::Status FillFields(const Place& place, Message& message);

absl::Status FillField(const Place& place, const FieldDescriptor& field,
                       Message& message) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64: {
      ASSIGN_OR_RETURN(const int64_t value,
                       ParseNumber<int64_t>(place, "an integer"));
      reflection.SetInt64(&message, &field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      ASSIGN_OR_RETURN(const uint64_t value, ParseUnsigned(place));
      reflection.SetUInt64(&message, &field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      ASSIGN_OR_RETURN(const double value, ParseDouble(place));
      reflection.SetDouble(&message, &field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      ASSIGN_OR_RETURN(const bool value, ParseBool(place));
      reflection.SetBool(&message, &field, value);
      return absl::OkStatus();
    }
    case FieldDescriptor::CPPTYPE_STRING:
      if (place.node.kind != YamlNode::Kind::kScalar) {
        return WrongType(place, "a string");
      }
      reflection.SetString(&message, &field, place.node.scalar);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FillFields(place, *reflection.MutableMessage(&message, &field));
    default:
      PENSTOCK_CHECK(false);  // Kept out of job specs: see the header.
  }
  return absl::OkStatus();
}

// Whether another member of the oneof of `field` was set before.
absl::Status CheckOneof(const Place& place, const FieldDescriptor& field,
                        const Message& message) {
  const OneofDescriptor* oneof = field.real_containing_oneof();
  if (oneof == nullptr) return absl::OkStatus();
  const FieldDescriptor* before =
      message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (before == nullptr) return absl::OkStatus();
  return Error(place, fmt::format("\"{}\" is given as well; choose one",
                                  before->name()));
}

absl::Status FillFields(const Place& place, Message& message) {
  if (place.node.kind != YamlNode::Kind::kMap) {
    return WrongType(place, "a map of fields");
  }
  for (const YamlNode& child : place.node.children) {
    const std::string separator = place.path.empty() ? "" : ".";
    const Place at{place.file, place.path + separator + child.key, child};
    const FieldDescriptor* field =
        message.GetDescriptor()->FindFieldByName(child.key);
    if (field == nullptr) return UnknownField(at, *message.GetDescriptor());
    PENSTOCK_CHECK(!field->is_repeated());
    RETURN_IF_ERROR(CheckOneof(at, *field, message));
    RETURN_IF_ERROR(FillField(at, *field, message));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FillMessage(const YamlNode& node, std::string_view file,
                         Message& message) {
  return FillFields({file, "", node}, message);
}

}  // namespace penstock
