#ifndef WORKER_RUNTIME_GRADIENT_REDUCER_H_
#define WORKER_RUNTIME_GRADIENT_REDUCER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "kernels/backend.h"
#include "proto/base/mutex.h"
#include "proto/plan.h"
#include "worker/link/link.h"
#include "worker/link/link_group.h"
#include "worker/runtime/message_tag.h"
#include "worker/runtime/rank_memory.h"

namespace penstock {

// Sums the gradients of a stage over the replicas, and over the copies of its
// slice in a bidirectional schedule, behind the computation: a thread of its
// own exchanges chunks while the pipeline drains. Each chunk has one owner,
// member (chunk % members), who receives the others' shares, adds all up in the
// order of the members, and sends the sum back; so every replica, and every
// copy, ends with the same bits, whoever was first. With a group of the
// replicas, their shares and sums go to and from all at once; the sums are the
// same, in the same order, and so the bits.
//
// Sums are made in the order in which they are started, which must be the same
// on all who take part.
//
// Thread-safe.
class GradientReducer {
 public:
  // `plan`, `memory`, `link` and `replicas`, the group of this rank's replicas
  // or null, must outlive this. `backend` is its own, not the executor's: both
  // work at the same time.
  GradientReducer(const Plan& plan, const Assignment& assignment,
                  RankMemory& memory, Link& link, LinkGroup* replicas,
                  std::unique_ptr<Backend> backend, absl::Duration wait_max);
  // Link::Abort must have been called if a reduction may still be waiting.
  ~GradientReducer();

  // Starts summing the gradients of `stage` over the replicas. Nobody may touch
  // them until Wait.
  void Start(int64_t step, int stage);

  // Likewise over the copies of its slice.
  void StartCopies(int64_t step, int stage);

  // Waits until all that was started is summed.
  //
  // Errors: those of Link and Backend, the first that occurred.
  absl::Status Wait();

 private:
  // One sum: who takes part, and how its messages are called.
  struct Work {
    int64_t step = 0;
    int stage = 0;           // Of this rank.
    std::vector<int> peers;  // The members', in the order of summation.
    int self = 0;            // Index in `peers`.
    MessageKind share = MessageKind::kReduceShare;
    MessageKind result = MessageKind::kReduceResult;
    int name = 0;  // The stage or slice in the messages' keys.
    bool in_group = false;
  };

  void Push(Work work);
  void Loop();
  absl::Status Reduce(const Work& work);
  absl::Status ReduceOwn(const Work& work, int64_t chunk, float* values,
                         int64_t count);
  absl::Status ReduceElsewhere(const Work& work, int64_t chunk, float* values,
                               int64_t count);
  // As many floats as there are members' chunks, at most.
  absl::Status ReduceInGroup(float* values, int64_t count);
  absl::Time Deadline() const;

  const Plan& plan_;
  const Assignment assignment_;
  RankMemory& memory_;
  Link& link_;
  LinkGroup* const replicas_;
  const std::unique_ptr<Backend> backend_;
  const absl::Duration wait_max_;

  Mutex mutex_;
  CondVar changed_;
  // At most two for each stage of the rank.
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_GRADIENT_REDUCER_H_
