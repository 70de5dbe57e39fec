#ifndef WORKER_RUNTIME_SPECULATION_H_
#define WORKER_RUNTIME_SPECULATION_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/plan.h"
#include "worker/link/link.h"
#include "worker/runtime/rank_memory.h"

namespace penstock {

// The beginning of a step that may be made in vain: the actions up to a rank's
// validation point run before it is known whether the update before stands, and
// are run a second time when it does not.
//
// The validation points are how far the programs of all ranks get together with
// forward passes alone. So no rank needs, before its own point, what another
// does after its; and an activation that is sent before its sender's point is
// sent twice when the update is redone, the second time under another key. All
// ranks know from the plan which these are. What else was posted before the
// point stays posted: it is sent once, after.
//
// Thread-compatible: the executor's thread calls.
class Speculation {
 public:
  // `plan` and `memory` must outlive this.
  Speculation(const Plan& plan, const Assignment& assignment,
              RankMemory& memory);

  // The validation point: so many actions of the rank's program are made before
  // the update is known to stand.
  size_t end() const { return end_; }

  void BeginStep() { repeating_ = false; }

  // True if the action at `index`, before the end, is made in both attempts;
  // false for a receive that stays posted.
  bool Repeats(size_t index) const;

  // The key of the output of `stage` in the attempt being made.
  MessageKey ActivationKey(int64_t step, int stage, int microbatch) const;

  // Ends the first attempt of this rank, after its sends were offered: takes in
  // what others have sent it in theirs, or will, and frees what its passes and
  // receives hold.
  //
  // Errors: those of Link.
  absl::Status Discard(int64_t step, Link& link, absl::Duration wait_max);

  // From here on keys are those of the second attempt.
  void Repeat() { repeating_ = true; }

 private:
  int PeerOf(int stage) const;
  StageMemory* Local(int stage) const;  // Null for another rank's.
  void FindReceives();

  const Plan& plan_;
  const Assignment assignment_;
  RankMemory& memory_;
  const std::vector<Action>& program_;
  size_t end_ = 0;
  // Stage and micro-batch of every activation that travels between ranks before
  // its sender's validation point.
  std::set<std::pair<int, int>> sent_;
  // Receives of such activations on this rank: posted before the end but not
  // used by a pass, and posted after it.
  std::vector<Action> unused_;
  std::vector<Action> unposted_;
  bool repeating_ = false;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_SPECULATION_H_
