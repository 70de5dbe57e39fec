#include "worker/link/grpc_loans.h"

#include <utility>

namespace penstock {

GrpcLoans::Loan* GrpcLoans::Open(std::function<void()> returned) {
  auto* loan = new Loan;
  loan->loans = shared_from_this();
  loan->returned = std::move(returned);
  MutexLock lock(mutex_);
  ++open_;
  return loan;
}

grpc::Slice GrpcLoans::Loan::Lend(std::span<const std::byte> bytes) {
  references.fetch_add(1, std::memory_order_relaxed);
  // gRPC takes the pointer as mutable and reads only.
  return grpc::Slice(const_cast<std::byte*>(bytes.data()), bytes.size(),
                     &Loan::Release, this);
}

void GrpcLoans::Loan::Close(bool is_complete) {
  complete = is_complete;
  Release(this);
}

void GrpcLoans::Loan::Release(void* released) {
  auto* loan = static_cast<Loan*>(released);
  if (loan->references.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  if (loan->complete) loan->returned();
  const std::shared_ptr<GrpcLoans> loans = loan->loans;
  delete loan;
  loans->Forget();
}

void GrpcLoans::Forget() {
  MutexLock lock(mutex_);
  --open_;
  changed_.NotifyAll();
}

bool GrpcLoans::WaitForAll(absl::Time deadline) {
  MutexLock lock(mutex_);
  while (open_ > 0) {
    if (!changed_.WaitUntil(mutex_, deadline)) return open_ == 0;
  }
  return true;
}

}  // namespace penstock
