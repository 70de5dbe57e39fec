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
                                 LinkGroup* replicas,
                                 std::unique_ptr<Backend> backend,
                                 absl::Duration wait_max)
    : plan_(plan),
      assignment_(assignment),
      memory_(memory),
      link_(link),
      replicas_(replicas),
      backend_(std::move(backend)),
      wait_max_(wait_max),
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
  Work work{.step = step,
            .stage = stage,
            .self = assignment_.replica,
            .name = stage,
            .in_group = replicas_ != nullptr};
  for (int64_t replica = 0; replica < plan_.spec.parallelism.data; ++replica) {
    work.peers.push_back(
        PeerOf(plan_, static_cast<int>(replica), assignment_.rank));
  }
  Push(std::move(work));
}

void GradientReducer::StartCopies(int64_t step, int stage) {
  const int slice = SliceOf(plan_, stage);
  Work work{.step = step,
            .stage = stage,
            .self = CopyOf(plan_, stage),
            .share = MessageKind::kCopyShare,
            .result = MessageKind::kCopyResult,
            .name = slice};
  for (int copy = 0; copy < plan_.copies; ++copy) {
    const StagePlan& other = plan_.stages[copy * StagesPerCopy(plan_) + slice];
    work.peers.push_back(PeerOf(plan_, assignment_.replica, other.rank));
  }
  Push(std::move(work));
}

void GradientReducer::Push(Work work) {
  MutexLock lock(mutex_);
  queue_.push_back(std::move(work));
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
      work = std::move(queue_.front());
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
  if (work.in_group) {
    const int64_t window = replicas_->size() * kReduceChunkFloats;
    for (int64_t begin = 0; begin < stage->gradient_count; begin += window) {
      RETURN_IF_ERROR(
          ReduceInGroup(stage->gradients + begin,
                        std::min(window, stage->gradient_count - begin)));
    }
    return absl::OkStatus();
  }
  int64_t chunk = 0;
  for (int64_t begin = 0; begin < stage->gradient_count;
       begin += kReduceChunkFloats, ++chunk) {
    float* values = stage->gradients + begin;
    const int64_t count =
        std::min(kReduceChunkFloats, stage->gradient_count - begin);
    if (chunk % std::ssize(work.peers) == work.self) {
      RETURN_IF_ERROR(ReduceOwn(work, chunk, values, count));
    } else {
      RETURN_IF_ERROR(ReduceElsewhere(work, chunk, values, count));
    }
  }
  return absl::OkStatus();
}

absl::Status GradientReducer::ReduceOwn(const Work& work, int64_t chunk,
                                        float* values, int64_t count) {
  const MessageKey share = MakeKey(work.step, work.share, work.name, chunk);
  const MessageKey result = MakeKey(work.step, work.result, work.name, chunk);
  const int members = static_cast<int>(work.peers.size());
  const auto share_of = [&](int member) {
    return memory_.reduce_chunks + member * kReduceChunkFloats;
  };
  for (int m = 0; m < members; ++m) {
    if (m == work.self) continue;
    RETURN_IF_ERROR(
        link_.PostReceive(work.peers[m], share, Bytes(share_of(m), count)));
  }
  const auto copy = [&](float* from, float* to) {
    return backend_->Copy(Bytes(from, count).data(), Bytes(to, count).data(),
                          Bytes(from, count).size());
  };
  RETURN_IF_ERROR(copy(values, share_of(work.self)));
  for (int m = 0; m < members; ++m) {
    if (m != work.self) {
      RETURN_IF_ERROR(link_.WaitReceived(work.peers[m], share, Deadline()));
    }
    if (m == 0) {
      RETURN_IF_ERROR(copy(share_of(0), values));
    } else {
      RETURN_IF_ERROR(backend_->Accumulate(share_of(m), count, values));
    }
  }
  RETURN_IF_ERROR(backend_->Synchronize());
  for (int m = 0; m < members; ++m) {
    if (m == work.self) continue;
    RETURN_IF_ERROR(link_.Send(work.peers[m], result, Bytes(values, count)));
  }
  for (int m = 0; m < members; ++m) {
    if (m == work.self) continue;
    RETURN_IF_ERROR(link_.WaitSent(work.peers[m], result, Deadline()));
  }
  return absl::OkStatus();
}

absl::Status GradientReducer::ReduceElsewhere(const Work& work, int64_t chunk,
                                              float* values, int64_t count) {
  const int owner = work.peers[chunk % std::ssize(work.peers)];
  const MessageKey share = MakeKey(work.step, work.share, work.name, chunk);
  const MessageKey result = MakeKey(work.step, work.result, work.name, chunk);
  RETURN_IF_ERROR(link_.Send(owner, share, Bytes(values, count)));
  RETURN_IF_ERROR(link_.WaitSent(owner, share, Deadline()));
  RETURN_IF_ERROR(link_.PostReceive(owner, result, Bytes(values, count)));
  return link_.WaitReceived(owner, result, Deadline());
}

absl::Status GradientReducer::ReduceInGroup(float* values, int64_t count) {
  const int members = replicas_->size();
  const int self = replicas_->self();
  // Part m, which member m sums.
  const auto part = [&](int member) {
    const int64_t begin = std::min(member * kReduceChunkFloats, count);
    const int64_t end = std::min(begin + kReduceChunkFloats, count);
    return Bytes(values + begin, end - begin);
  };
  const std::span<std::byte> own = part(self);
  const auto share = [&](int member) {
    float* floats = memory_.reduce_chunks + member * kReduceChunkFloats;
    return Bytes(floats, static_cast<int64_t>(own.size() / sizeof(float)));
  };
  std::vector<GroupPart> shares(members);
  std::vector<GroupPart> sums(members);
  for (int m = 0; m < members; ++m) {
    shares[m] = {.send = part(m), .receive = share(m)};
    sums[m] = {.send = own, .receive = part(m)};
  }
  RETURN_IF_ERROR(replicas_->Exchange(shares, Deadline()));
  const auto bytes = static_cast<int64_t>(own.size());
  RETURN_IF_ERROR(backend_->Copy(own.data(), share(self).data(), bytes));
  RETURN_IF_ERROR(backend_->Copy(share(0).data(), own.data(), bytes));
  for (int m = 1; m < members; ++m) {
    RETURN_IF_ERROR(
        backend_->Accumulate(reinterpret_cast<const float*>(share(m).data()),
                             bytes / static_cast<int64_t>(sizeof(float)),
                             reinterpret_cast<float*>(own.data())));
  }
  RETURN_IF_ERROR(backend_->Synchronize());
  return replicas_->Exchange(sums, Deadline());
}

absl::Time GradientReducer::Deadline() const { return SteadyNow() + wait_max_; }

}  // namespace penstock
