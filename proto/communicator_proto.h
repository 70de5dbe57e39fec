#ifndef PROTO_COMMUNICATOR_PROTO_H_
#define PROTO_COMMUNICATOR_PROTO_H_

#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "proto/communicator.h"
#include "proto/internal/v1/worker_pool.pb.h"

namespace penstock {

using CommunicatorIdMessages =
    google::protobuf::RepeatedPtrField<internal::v1::CommunicatorId>;

void CommunicatorIdsToProto(const std::vector<CommunicatorId>& ids,
                            CommunicatorIdMessages* messages);

// Never trusts the sender.
//
// Errors:
//   InvalidArgument: more ids, or more members of one, than any plan has; a
//     negative member or fewer than two; an id that is not of NCCL's size.
absl::StatusOr<std::vector<CommunicatorId>> CommunicatorIdsFromProto(
    const CommunicatorIdMessages& messages);

}  // namespace penstock

#endif  // PROTO_COMMUNICATOR_PROTO_H_
