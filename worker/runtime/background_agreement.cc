#include "worker/runtime/background_agreement.h"

#include <utility>

#include "absl/time/time.h"

namespace penstock {

BackgroundAgreement::BackgroundAgreement(StepAgreement& agreement, Link& link)
    : agreement_(agreement), link_(link), thread_([this] { Run(); }) {}

BackgroundAgreement::~BackgroundAgreement() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void BackgroundAgreement::Begin(int64_t step, StepReport report,
                                StepAgreement::Decide decide) {
  MutexLock lock(mutex_);
  result_.reset();
  work_ = [this, step, report = std::move(report), decide = std::move(decide)] {
    return agreement_.Agree(step, report, decide);
  };
  changed_.NotifyAll();
}

absl::StatusOr<StepDecision> BackgroundAgreement::Await() {
  MutexLock lock(mutex_);
  while (!result_.has_value()) {
    changed_.WaitUntil(mutex_, absl::InfiniteFuture());
  }
  return *result_;
}

void BackgroundAgreement::Run() {
  for (;;) {
    Work work;
    {
      MutexLock lock(mutex_);
      while (work_ == nullptr && !stop_) {
        changed_.WaitUntil(mutex_, absl::InfiniteFuture());
      }
      if (stop_) return;
      work = std::exchange(work_, nullptr);
    }
    absl::StatusOr<StepDecision> result = work();
    if (!result.ok()) link_.Abort(result.status());
    MutexLock lock(mutex_);
    result_ = std::move(result);
    changed_.NotifyAll();
  }
}

}  // namespace penstock
