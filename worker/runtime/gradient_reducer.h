#ifndef WORKER_RUNTIME_GRADIENT_REDUCER_H_
#define WORKER_RUNTIME_GRADIENT_REDUCER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "kernels/backend.h"
#include "proto/base/mutex.h"
#include "proto/plan.h"
#include "worker/link/link.h"
#include "worker/runtime/rank_memory.h"

namespace penstock {

// Sums the gradients of a stage over the replicas, behind the computation: a
// thread of its own exchanges chunks while the pipeline drains. Each chunk has
// one owner, replica (chunk % replicas), who receives the others' shares, adds
// all up in the order of the replicas, and sends the sum back; so every replica
// ends with the same bits, whoever was first.
//
// Thread-safe.
class GradientReducer {
 public:
  // `plan`, `memory` and `link` must outlive this. `backend` is its own, not
  // the executor's: both work at the same time.
  GradientReducer(const Plan& plan, const Assignment& assignment,
                  RankMemory& memory, Link& link,
                  std::unique_ptr<Backend> backend, absl::Duration wait_max);
  // Link::Abort must have been called if a reduction may still be waiting.
  ~GradientReducer();

  // Starts summing the gradients of `stage`, which nobody may touch until Wait.
  void Start(int64_t step, int stage);

  // Waits until all that was started is summed.
  //
  // Errors: those of Link and Backend, the first that occurred.
  absl::Status Wait();

 private:
  struct Work {
    int64_t step = 0;
    int stage = 0;
  };

  void Loop();
  absl::Status Reduce(const Work& work);
  absl::Status ReduceOwn(const Work& work, int64_t chunk, float* values,
                         int64_t count);
  absl::Status ReduceElsewhere(const Work& work, int64_t chunk, float* values,
                               int64_t count);
  int PeerOf(int replica) const;
  absl::Time Deadline() const;

  const Plan& plan_;
  const Assignment assignment_;
  RankMemory& memory_;
  Link& link_;
  const std::unique_ptr<Backend> backend_;
  const absl::Duration wait_max_;
  const int replicas_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);  // <= stages of the rank.
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_GRADIENT_REDUCER_H_
