#ifndef WORKER_LINK_FAKE_NCCL_LINKS_H_
#define WORKER_LINK_FAKE_NCCL_LINKS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/link/fake_nccl.h"
#include "worker/link/link.h"
#include "worker/link/nccl_link.h"

namespace penstock {

// Connected links of executors in one process, over `nccl` and the local link.
// Executor i has edges[i] and groups[i]; `carries` is as in NcclLinkOptions.
//
// Errors: those of NcclLink.
absl::StatusOr<std::vector<std::unique_ptr<NcclLink>>> MakeFakeNcclLinks(
    FakeNccl& nccl, const std::vector<std::string>& names,
    const std::vector<std::vector<std::vector<int>>>& edges,
    const std::vector<std::vector<int>>& groups,
    const std::function<bool(const MessageKey&)>& carries);

}  // namespace penstock

#endif  // WORKER_LINK_FAKE_NCCL_LINKS_H_
