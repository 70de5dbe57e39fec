#ifndef COORDINATOR_CLI_JOB_FILE_H_
#define COORDINATOR_CLI_JOB_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/v1/job.pb.h"

namespace penstock {

// A job file is penstock.v1.JobSpec as YAML, with the field names of the proto.
// Only its form is checked here: names, types, one of each. What the values
// must be is the coordinator's to say.
//
// Relative paths (data.tokens, model.init_from, checkpoint.resume_from) become
// absolute against `current_directory`, since the coordinator runs elsewhere.
//
// Errors:
//   InvalidArgument: "<file>:<line>: <field path>: <what is wrong>".
absl::StatusOr<v1::JobSpec> ParseJobFile(std::string_view text,
                                         std::string_view file,
                                         const std::string& current_directory);

// Errors: those of ReadFile and ParseJobFile.
absl::StatusOr<v1::JobSpec> ReadJobFile(const std::string& path,
                                        const std::string& current_directory);

}  // namespace penstock

#endif  // COORDINATOR_CLI_JOB_FILE_H_
