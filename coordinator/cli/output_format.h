#ifndef COORDINATOR_CLI_OUTPUT_FORMAT_H_
#define COORDINATOR_CLI_OUTPUT_FORMAT_H_

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "proto/v1/job.pb.h"

namespace penstock {

enum class OutputFormat {
  kTable,  // For people; may change.
  kJson,   // The proto's JSON with its own field names; stable.
  kJsonl,  // The same, one line per object.
};

// Adds -o/--output.
void AddOutputFlag(CLI::App& command, OutputFormat& format);

// JSON of the proto mapping, without a line break at its end; on one line
// unless `format` is kJson.
//
// Errors:
//   Internal: the message holds what JSON cannot, such as a time before year 1.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message,
                                   OutputFormat format);

// One line with exactly the fields of StepMetrics. Unlike the proto mapping the
// step is a number, and a value that is not finite is null.
std::string ToJson(const v1::StepMetrics& metrics);

}  // namespace penstock

#endif  // COORDINATOR_CLI_OUTPUT_FORMAT_H_
