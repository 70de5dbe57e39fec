#include "worker/link/nccl_group.h"

#include <vector>

#include "fmt/format.h"
#include "proto/base/status_macros.h"

namespace penstock {

absl::Status NcclGroup::Exchange(std::span<const GroupPart> parts,
                                 absl::Time deadline) {
  if (static_cast<int>(parts.size()) != size_) {
    return absl::InvalidArgumentError(fmt::format("{}: {} parts for {} members",
                                                  communicator_.name(),
                                                  parts.size(), size_));
  }
  std::vector<NcclTransfer> transfers;
  for (int member = 0; member < size_; ++member) {
    const GroupPart& part = parts[member];
    if (member == self_ || (part.send.empty() && part.receive.empty())) {
      continue;
    }
    transfers.push_back(
        {.member = member, .send = part.send, .receive = part.receive});
  }
  if (transfers.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(streams_.UseDevice());
  ASSIGN_OR_RETURN(const uint64_t number,
                   communicator_.Begin(transfers, "exchange", deadline));
  return communicator_.Wait(number, deadline);
}

}  // namespace penstock
