#ifndef WORKER_LINK_GRPC_LOANS_H_
#define WORKER_LINK_GRPC_LOANS_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "grpcpp/support/slice.h"
#include "proto/base/mutex.h"

namespace penstock {

// Memory of callers that gRPC may still read. A write to a stream completes
// when gRPC has queued it, which is earlier than when the bytes were read; only
// the end of the last reference says that.
//
// Thread-safe.
class GrpcLoans : public std::enable_shared_from_this<GrpcLoans> {
 public:
  // The bytes of one message.
  class Loan {
   public:
    // A slice of the message, not copied.
    grpc::Slice Lend(std::span<const std::byte> bytes);

    // Nothing more will be lent. When gRPC has let go of everything, `returned`
    // is called, unless the message is incomplete. The loan is no longer ours.
    void Close(bool complete);

   private:
    friend class GrpcLoans;

    static void Release(void* loan);

    std::shared_ptr<GrpcLoans> loans;
    std::function<void()> returned;
    bool complete = false;
    std::atomic<int> references = 1;  // The last one is Close's.
  };

  // `returned` is called at most once, on any thread.
  Loan* Open(std::function<void()> returned);

  // False if gRPC still holds something at `deadline`.
  bool WaitForAll(absl::Time deadline);

 private:
  void Forget();

  Mutex mutex_;
  CondVar changed_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock

#endif  // WORKER_LINK_GRPC_LOANS_H_
