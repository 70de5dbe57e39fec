#ifndef COORDINATOR_CLI_JOB_FILE_EDIT_H_
#define COORDINATOR_CLI_JOB_FILE_EDIT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace penstock {

// `text`, a job file that ParseJobFile accepts, with batch.micro_batch_size and
// batch.micro_batches set; every other byte, comments included, as it was.
//
// Errors:
//   InvalidArgument: the fields cannot be set by changing their values or
//   adding
//     them beside each other; the message says what to write by hand.
absl::StatusOr<std::string> SetBatch(std::string_view text,
                                     int64_t micro_batch_size,
                                     int64_t micro_batches);

}  // namespace penstock

#endif  // COORDINATOR_CLI_JOB_FILE_EDIT_H_
