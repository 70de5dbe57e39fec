#include "worker/runtime/gradient_reducer.h"

#include <algorithm>
#include <span>
#include <utility>

#include "proto/base/clock.h"
#include "proto/base/status_macros.h"
#include "worker/runtime/message_tag.h"
#include "worker/runtime/peers.h"

namespace penstock {
namespace {

std::span<std::byte> Bytes(float* values, int64_t count) {
  return std::as_writable_bytes(
      std::span<float>(values, static_cast<size_t>(count)));
}

}  // namespace

GradientReducer::GradientReducer(const Plan& plan, const Assignment& assignment,
                                 RankMemory& memory, Link& link,
                                 std::unique_ptr<Backend> backend,
                                 absl::Duration wait_max)
    : plan_(plan),
      assignment_(assignment),
      memory_(memory),
      link_(link),
      backend_(std::move(backend)),
      wait_max_(wait_max),
      replicas_(static_cast<int>(plan.spec.parallelism.data)),
      thread_([this] { Loop(); }) {}

GradientReducer::~GradientReducer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void GradientReducer::Start(int64_t step, int stage) {
  MutexLock lock(mutex_);
  queue_.push_back({step, stage});
  changed_.NotifyAll();
}

absl::Status GradientReducer::Wait() {
  MutexLock lock(mutex_);
  // Each reduction ends by its own waits' deadlines.
  while (working_ || !queue_.empty()) {
    changed_.WaitUntil(mutex_, Deadline());
  }
  return status_;
}

void GradientReducer::Loop() {
  for (;;) {
    Work work;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) {
        changed_.WaitUntil(mutex_, absl::InfiniteFuture());
      }
      if (stopping_) return;
      work = queue_.front();
      queue_.pop_front();
      working_ = true;
    }
    const absl::Status status = Reduce(work);
    MutexLock lock(mutex_);
    working_ = false;
    status_.Update(status);
    changed_.NotifyAll();
  }
}

absl::Status GradientReducer::Reduce(const Work& work) {
  const auto stage =
      std::find_if(memory_.stages.begin(), memory_.stages.end(),
                   [&](const StageMemory& s) { return s.stage == work.stage; });
  int64_t chunk = 0;
  for (int64_t begin = 0; begin < stage->gradient_count;
       begin += kReduceChunkFloats, ++chunk) {
    float* values = stage->gradients + begin;
    const int64_t count =
        std::min(kReduceChunkFloats, stage->gradient_count - begin);
    if (chunk % replicas_ == assignment_.replica) {
      RETURN_IF_ERROR(ReduceOwn(work, chunk, values, count));
    } else {
      RETURN_IF_ERROR(ReduceElsewhere(work, chunk, values, count));
    }
  }
  return absl::OkStatus();
}

absl::Status GradientReducer::ReduceOwn(const Work& work, int64_t chunk,
                                        float* values, int64_t count) {
  const MessageKey share =
      MakeKey(work.step, MessageKind::kReduceShare, work.stage, chunk);
  const MessageKey result =
      MakeKey(work.step, MessageKind::kReduceResult, work.stage, chunk);
  auto shares = [&](int replica) {
    return memory_.reduce_chunks + replica * kReduceChunkFloats;
  };
  for (int r = 0; r < replicas_; ++r) {
    if (r == assignment_.replica) continue;
    RETURN_IF_ERROR(
        link_.PostReceive(PeerOf(r), share, Bytes(shares(r), count)));
  }
  RETURN_IF_ERROR(backend_->CopyIn(
      Bytes(values, count),
      reinterpret_cast<std::byte*>(shares(assignment_.replica))));
  for (int r = 0; r < replicas_; ++r) {
    if (r != assignment_.replica) {
      RETURN_IF_ERROR(link_.WaitReceived(PeerOf(r), share, Deadline()));
    }
    if (r == 0) {
      RETURN_IF_ERROR(backend_->CopyIn(Bytes(shares(0), count),
                                       reinterpret_cast<std::byte*>(values)));
    } else {
      RETURN_IF_ERROR(backend_->Accumulate(shares(r), count, values));
    }
  }
  RETURN_IF_ERROR(backend_->Synchronize());
  for (int r = 0; r < replicas_; ++r) {
    if (r == assignment_.replica) continue;
    RETURN_IF_ERROR(link_.Send(PeerOf(r), result, Bytes(values, count)));
  }
  for (int r = 0; r < replicas_; ++r) {
    if (r == assignment_.replica) continue;
    RETURN_IF_ERROR(link_.WaitSent(PeerOf(r), result, Deadline()));
  }
  return absl::OkStatus();
}

absl::Status GradientReducer::ReduceElsewhere(const Work& work, int64_t chunk,
                                              float* values, int64_t count) {
  const int owner = PeerOf(static_cast<int>(chunk % replicas_));
  const MessageKey share =
      MakeKey(work.step, MessageKind::kReduceShare, work.stage, chunk);
  const MessageKey result =
      MakeKey(work.step, MessageKind::kReduceResult, work.stage, chunk);
  RETURN_IF_ERROR(link_.Send(owner, share, Bytes(values, count)));
  RETURN_IF_ERROR(link_.WaitSent(owner, share, Deadline()));
  RETURN_IF_ERROR(link_.PostReceive(owner, result, Bytes(values, count)));
  return link_.WaitReceived(owner, result, Deadline());
}

int GradientReducer::PeerOf(int replica) const {
  return penstock::PeerOf(plan_, replica, assignment_.rank);
}

absl::Time GradientReducer::Deadline() const { return SteadyNow() + wait_max_; }

}  // namespace penstock
