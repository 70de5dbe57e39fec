#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "nccl.h"
#include "proto/base/status_macros.h"
#include "worker/link/nccl_load.h"
#include "worker/link/nccl_shared_library.h"

namespace penstock {
namespace {

// The library's functions, by their own types.
struct NcclFunctions {
  decltype(ncclGetUniqueId)* get_unique_id = nullptr;
  decltype(ncclCommInitRankConfig)* init_rank = nullptr;
  decltype(ncclCommGetAsyncError)* get_async_error = nullptr;
  decltype(ncclGroupStart)* group_start = nullptr;
  decltype(ncclGroupEnd)* group_end = nullptr;
  decltype(ncclSend)* send = nullptr;
  decltype(ncclRecv)* receive = nullptr;
  decltype(ncclCommAbort)* abort = nullptr;
  decltype(ncclCommFinalize)* finalize = nullptr;
  decltype(ncclCommDestroy)* destroy = nullptr;
  decltype(ncclGetErrorString)* error_string = nullptr;
  decltype(ncclGetLastError)* last_error = nullptr;
};

absl::Status FindAll(const NcclSharedLibrary& library, NcclFunctions& found) {
  RETURN_IF_ERROR(library.Find("ncclGetUniqueId", found.get_unique_id));
  RETURN_IF_ERROR(library.Find("ncclCommInitRankConfig", found.init_rank));
  RETURN_IF_ERROR(library.Find("ncclCommGetAsyncError", found.get_async_error));
  RETURN_IF_ERROR(library.Find("ncclGroupStart", found.group_start));
  RETURN_IF_ERROR(library.Find("ncclGroupEnd", found.group_end));
  RETURN_IF_ERROR(library.Find("ncclSend", found.send));
  RETURN_IF_ERROR(library.Find("ncclRecv", found.receive));
  RETURN_IF_ERROR(library.Find("ncclCommAbort", found.abort));
  RETURN_IF_ERROR(library.Find("ncclCommFinalize", found.finalize));
  RETURN_IF_ERROR(library.Find("ncclCommDestroy", found.destroy));
  RETURN_IF_ERROR(library.Find("ncclGetErrorString", found.error_string));
  return library.Find("ncclGetLastError", found.last_error);
}

absl::StatusCode CodeOf(ncclResult_t result) {
  switch (result) {
    case ncclUnhandledCudaError:
    case ncclSystemError:
    case ncclRemoteError:
      return absl::StatusCode::kUnavailable;
    case ncclInvalidArgument:
    case ncclInvalidUsage:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kInternal;
  }
}

ncclComm_t Of(NcclComm comm) { return reinterpret_cast<ncclComm_t>(comm); }

cudaStream_t Of(CudaStream stream) {
  return reinterpret_cast<cudaStream_t>(stream);
}

class DynamicNccl : public NcclLibrary {
 public:
  DynamicNccl(NcclSharedLibrary library, const NcclFunctions& functions)
      : library_(std::move(library)), nccl_(functions) {}

  int version() const override { return library_.version(); }

  absl::StatusOr<NcclUniqueId> MakeUniqueId() override {
    ncclUniqueId id;
    RETURN_IF_ERROR(
        ToStatus(nccl_.get_unique_id(&id), "ncclGetUniqueId", nullptr));
    NcclUniqueId copy;
    static_assert(sizeof(id.internal) == sizeof(copy));
    std::copy(std::begin(id.internal), std::end(id.internal), copy.begin());
    return copy;
  }

  absl::StatusOr<NcclComm> InitRank(const NcclMember& member) override {
    ncclUniqueId id;
    std::copy(member.id.begin(), member.id.end(), std::begin(id.internal));
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    config.splitShare = 0;
    config.minCTAs = 1;
    config.maxCTAs = member.blocks_max;
    config.commName = member.name.c_str();
    ncclComm_t comm = nullptr;
    const absl::Status status = ToStatus(
        nccl_.init_rank(&comm, member.members, id, member.self, &config),
        "ncclCommInitRankConfig", nullptr);
    if (status.ok()) return reinterpret_cast<NcclComm>(comm);
    if (comm != nullptr) nccl_.abort(comm);
    return status;
  }

  absl::StatusOr<bool> IsReady(NcclComm comm) override {
    ncclResult_t state = ncclSuccess;
    RETURN_IF_ERROR(ToStatus(nccl_.get_async_error(Of(comm), &state),
                             "ncclCommGetAsyncError", Of(comm)));
    RETURN_IF_ERROR(ToStatus(state, "NCCL in the background", Of(comm)));
    return state != ncclInProgress;
  }

  absl::Status GroupStart() override {
    return ToStatus(nccl_.group_start(), "ncclGroupStart", nullptr);
  }
  absl::Status GroupEnd() override {
    return ToStatus(nccl_.group_end(), "ncclGroupEnd", nullptr);
  }

  absl::Status Send(NcclComm comm, std::span<const std::byte> bytes, int to,
                    CudaStream stream) override {
    return ToStatus(nccl_.send(bytes.data(), bytes.size(), ncclInt8, to,
                               Of(comm), Of(stream)),
                    "ncclSend", Of(comm));
  }
  absl::Status Receive(NcclComm comm, std::span<std::byte> bytes, int from,
                       CudaStream stream) override {
    return ToStatus(nccl_.receive(bytes.data(), bytes.size(), ncclInt8, from,
                                  Of(comm), Of(stream)),
                    "ncclRecv", Of(comm));
  }

  absl::Status Abort(NcclComm comm) override {
    return ToStatus(nccl_.abort(Of(comm)), "ncclCommAbort", nullptr);
  }
  absl::Status Finalize(NcclComm comm) override {
    return ToStatus(nccl_.finalize(Of(comm)), "ncclCommFinalize", Of(comm));
  }
  absl::Status Destroy(NcclComm comm) override {
    return ToStatus(nccl_.destroy(Of(comm)), "ncclCommDestroy", nullptr);
  }

 private:
  // What is in progress is no error: IsReady tells.
  absl::Status ToStatus(ncclResult_t result, const char* call,
                        ncclComm_t comm) {
    if (result == ncclSuccess || result == ncclInProgress) {
      return absl::OkStatus();
    }
    const std::string more = nccl_.last_error(comm);
    return absl::Status(
        CodeOf(result),
        fmt::format("{}: {}{}{}", call, nccl_.error_string(result),
                    more.empty() ? "" : ": ", more));
  }

  const NcclSharedLibrary library_;
  const NcclFunctions nccl_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<NcclLibrary>> LoadNccl(const std::string& path) {
  ASSIGN_OR_RETURN(NcclSharedLibrary library,
                   NcclSharedLibrary::Load(path, NCCL_VERSION_CODE));
  NcclFunctions functions;
  RETURN_IF_ERROR(FindAll(library, functions));
  return std::make_unique<DynamicNccl>(std::move(library), functions);
}

}  // namespace penstock
