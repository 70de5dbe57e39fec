#ifndef WORKER_EXECUTOR_EXECUTOR_LINK_H_
#define WORKER_EXECUTOR_EXECUTOR_LINK_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/communicator.h"
#include "proto/plan.h"
#include "worker/executor/executor_device.h"
#include "worker/link/delayed_link.h"
#include "worker/link/grpc_link.h"
#include "worker/link/link.h"
#include "worker/link/link_group.h"
#include "worker/link/nccl_library.h"
#include "worker/link/nccl_link.h"
#include "worker/link/nccl_load.h"
#include "worker/link/nccl_streams.h"

namespace penstock {

// Where an executor has NCCL from, when its plan asks for it. Its device is the
// only one that the process sees. Shared, for a fake is one for all members.
struct NcclSource {
  std::function<absl::StatusOr<std::shared_ptr<NcclLibrary>>()> load =
      []() -> absl::StatusOr<std::shared_ptr<NcclLibrary>> {
    return LoadNccl();
  };
  std::function<absl::StatusOr<std::shared_ptr<CudaStreams>>()> open =
      []() -> absl::StatusOr<std::shared_ptr<CudaStreams>> {
    return OpenCudaStreams(0);
  };
};

// What is between an executor and the network besides what its plan says.
struct ExecutorLinkOptions {
  GrpcLinkOptions grpc;
  DelayedLink::Options delay;  // Of messages by gRPC, beyond its own.
  CopyQueueMaker make_copies;  // As in ExecutorDevice.
  NcclSource nccl = {};
};

// The link of an executor as its plan says: gRPC, with staging where tensors
// are in a device's memory, and over it NCCL where the plan has that for an
// edge of this executor.
//
// Thread-compatible, but for what link() and replicas() give.
class ExecutorLink {
 public:
  // Errors: those of GrpcLink::Start and of `make_copies`; and, of a plan with
  // NCCL, of LoadNccl, OpenCudaStreams and NcclLink::Create.
  static absl::StatusOr<std::unique_ptr<ExecutorLink>> Start(
      const Plan& plan, const ExecutorLinkOptions& options);

  // What the others need to reach this one.
  std::string address() const { return grpc_->address(); }
  std::vector<CommunicatorId> communicators() const;

  // With what the others have said of themselves. Errors: those of GrpcLink and
  // NcclLink.
  absl::Status Connect(const std::vector<std::string>& peers,
                       const std::vector<CommunicatorId>& communicators,
                       absl::Time deadline);

  Link& link() { return *link_; }
  // Those of this rank, when they are joined by NCCL; else null. After Connect.
  LinkGroup* replicas() { return nccl_ == nullptr ? nullptr : nccl_->group(); }

 private:
  std::shared_ptr<NcclLibrary> library_;
  std::shared_ptr<CudaStreams> streams_;
  std::unique_ptr<Link> link_;
  GrpcLink* grpc_ = nullptr;  // Part of link_, as the next.
  NcclLink* nccl_ = nullptr;  // Null without NCCL.
};

}  // namespace penstock

#endif  // WORKER_EXECUTOR_EXECUTOR_LINK_H_
