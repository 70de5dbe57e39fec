#include "proto/communicator_proto.h"

#include <algorithm>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

// A rank has neighbours, at most four in any schedule, and one group.
constexpr int kIdsMax = 256;
// Replicas of a job; see Validate(JobSpec).
constexpr int kMembersMax = 4096;

absl::StatusOr<CommunicatorId> IdFromProto(
    const internal::v1::CommunicatorId& message) {
  CommunicatorId id{.communicator = {.group = message.group(),
                                     .members = {message.members().begin(),
                                                 message.members().end()}}};
  const std::vector<int>& members = id.communicator.members;
  const size_t most = message.group() ? kMembersMax : 2;
  if (members.size() < 2 || members.size() > most ||
      *std::min_element(members.begin(), members.end()) < 0) {
    return absl::InvalidArgumentError(
        fmt::format("members: {} of them: must be 2 to {}, none negative",
                    members.size(), most));
  }
  if (message.id().size() != id.id.size()) {
    return absl::InvalidArgumentError(fmt::format(
        "id: {} bytes: must be {}", message.id().size(), id.id.size()));
  }
  std::copy(message.id().begin(), message.id().end(), id.id.begin());
  return id;
}

}  // namespace

void CommunicatorIdsToProto(const std::vector<CommunicatorId>& ids,
                            CommunicatorIdMessages* messages) {
  for (const CommunicatorId& id : ids) {
    internal::v1::CommunicatorId& message = *messages->Add();
    message.set_group(id.communicator.group);
    for (const int member : id.communicator.members) {
      message.add_members(member);
    }
    message.set_id(std::string(id.id.begin(), id.id.end()));
  }
}

absl::StatusOr<std::vector<CommunicatorId>> CommunicatorIdsFromProto(
    const CommunicatorIdMessages& messages) {
  if (messages.size() > kIdsMax) {
    return absl::InvalidArgumentError(
        fmt::format("communicators: {} of them: at most {} are accepted",
                    messages.size(), kIdsMax));
  }
  std::vector<CommunicatorId> ids;
  for (int i = 0; i < messages.size(); ++i) {
    absl::StatusOr<CommunicatorId> id = IdFromProto(messages[i]);
    if (!id.ok()) {
      return Annotate(id.status(), fmt::format("communicators[{}]", i));
    }
    ids.push_back(*std::move(id));
  }
  return ids;
}

}  // namespace penstock
