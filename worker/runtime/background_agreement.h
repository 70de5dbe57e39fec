#ifndef WORKER_RUNTIME_BACKGROUND_AGREEMENT_H_
#define WORKER_RUNTIME_BACKGROUND_AGREEMENT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/base/mutex.h"
#include "worker/link/link.h"
#include "worker/runtime/step_agreement.h"

namespace penstock {

// Makes agreements behind the computation, one at a time: what a rank does
// until it asks for the decision waits for nobody.
//
// Owns a thread, which alone uses the agreement from Begin to Await. When an
// agreement fails, the thread aborts the link, so that no rank goes on waiting
// for passes that will not come.
//
// Thread-compatible.
class BackgroundAgreement {
 public:
  // Both must outlive this.
  BackgroundAgreement(StepAgreement& agreement, Link& link);

  // Link::Abort must have been called if an agreement may still be waiting.
  ~BackgroundAgreement();

  BackgroundAgreement(const BackgroundAgreement&) = delete;
  BackgroundAgreement& operator=(const BackgroundAgreement&) = delete;

  // Starts StepAgreement::Agree. Each Begin is followed by its Await before the
  // next. On the leader `decide` is called by the thread.
  void Begin(int64_t step, StepReport report, StepAgreement::Decide decide);

  // What was agreed on. Ends by the agreement's own deadlines.
  //
  // Errors: those of StepAgreement::Agree.
  absl::StatusOr<StepDecision> Await();

 private:
  using Work = std::function<absl::StatusOr<StepDecision>()>;

  void Run();

  StepAgreement& agreement_;
  Link& link_;
  Mutex mutex_;
  CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  Work work_ ABSL_GUARDED_BY(mutex_);  // Not taken up yet; or null.
  std::optional<absl::StatusOr<StepDecision>> result_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace penstock

#endif  // WORKER_RUNTIME_BACKGROUND_AGREEMENT_H_
