#ifndef PROTO_LINK_PLAN_PROTO_H_
#define PROTO_LINK_PLAN_PROTO_H_

#include "absl/status/status.h"
#include "proto/plan.h"
#include "proto/v1/job.pb.h"

namespace penstock {

// Sets what the message says of the plan's links.
void LinksToProto(const Plan& plan, v1::Plan& message);

// Sets `plan.links`, of a plan whose spec and ranks are set. Never trusts the
// sender.
//
// Errors:
//   InvalidArgument: a link of unknown kind, an executor or rank that the plan
//     has not, an edge to itself, or not as many senders as receivers.
absl::Status LinksFromProto(const v1::Plan& message, Plan& plan);

}  // namespace penstock

#endif  // PROTO_LINK_PLAN_PROTO_H_
