#include "coordinator/cli/job_file_edit.h"

#include <algorithm>
#include <array>
#include <optional>

#include "coordinator/cli/job_file.h"
#include "fmt/format.h"
#include "google/protobuf/util/message_differencer.h"
#include "yaml-cpp/yaml.h"

namespace penstock {
namespace {

constexpr char kFile[] = "job file";

struct Field {
  const char* name;
  int64_t value;
};

bool IsQuote(char c) { return c == '"' || c == '\''; }

// Where a node's scalar stands in `text`, within its quotes if it has some.
std::optional<size_t> PlaceOf(const std::string& text, const YAML::Node& node) {
  auto place = static_cast<size_t>(std::max(0, node.Mark().pos));
  if (place < text.size() && IsQuote(text[place])) ++place;
  if (text.compare(std::min(place, text.size()), node.Scalar().size(),
                   node.Scalar()) != 0) {
    return std::nullopt;
  }
  return place;
}

// Adds a field before `key`, the key of another one, in its way.
bool AddField(const Field& field, bool flow, const YAML::Node& key,
              std::string& text) {
  std::optional<size_t> place = PlaceOf(text, key);
  if (!place.has_value()) return false;
  std::string quote;
  if (*place > 0 && IsQuote(text[*place - 1])) quote = text[--*place];
  const std::string indent(static_cast<size_t>(key.Mark().column), ' ');
  text.insert(*place, fmt::format("{0}{1}{0}: {2}{3}", quote, field.name,
                                  field.value, flow ? ", " : "\n" + indent));
  return true;
}

// Replaces the value of batch.<field>, or adds the field.
bool SetField(const Field& field, std::string& text) {
  const YAML::Node batch = YAML::Load(text)["batch"];
  if (!batch.IsMap() || batch.size() == 0) return false;
  const YAML::Node value = batch[field.name];
  if (!value) {
    return AddField(field, batch.Style() == YAML::EmitterStyle::Flow,
                    batch.begin()->first, text);
  }
  const std::optional<size_t> place = PlaceOf(text, value);
  if (!place.has_value()) return false;
  text.replace(*place, value.Scalar().size(), fmt::format("{}", field.value));
  return true;
}

// A file without `batch` gets one after its last line.
void AddBatch(const std::array<Field, 2>& fields, std::string& text) {
  if (!text.ends_with('\n')) text += '\n';
  text += fmt::format("batch: {{{}: {}, {}: {}}}\n", fields[0].name,
                      fields[0].value, fields[1].name, fields[1].value);
}

// yaml-cpp reports by exceptions; they end here.
bool SetFields(const std::array<Field, 2>& fields, std::string& text) {
  try {
    if (!YAML::Load(text)["batch"]) {
      AddBatch(fields, text);
      return true;
    }
    return SetField(fields[0], text) && SetField(fields[1], text);
  } catch (const YAML::Exception&) {
    return false;
  }
}

}  // namespace

absl::StatusOr<std::string> SetBatch(std::string_view text,
                                     int64_t micro_batch_size,
                                     int64_t micro_batches) {
  const std::array<Field, 2> fields = {{{"micro_batch_size", micro_batch_size},
                                        {"micro_batches", micro_batches}}};
  std::string edited(text);
  absl::StatusOr<v1::JobSpec> wanted = ParseJobFile(text, kFile, "/");
  if (!wanted.ok()) return wanted.status();
  wanted->mutable_batch()->set_micro_batch_size(micro_batch_size);
  wanted->mutable_batch()->set_micro_batches(micro_batches);
  // Whatever an unforeseen form made of the edit: it is right, or not done.
  if (SetFields(fields, edited)) {
    const absl::StatusOr<v1::JobSpec> got = ParseJobFile(edited, kFile, "/");
    if (got.ok() &&
        google::protobuf::util::MessageDifferencer::Equals(*got, *wanted)) {
      return edited;
    }
  }
  return absl::InvalidArgumentError(fmt::format(
      "this file's form cannot be edited; write micro_batch_size: {} and "
      "micro_batches: {} under batch",
      micro_batch_size, micro_batches));
}

}  // namespace penstock
