#include "kernels/cuda/emulator/streams.h"

#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "kernels/cuda/emulator/device_memory.h"
#include "proto/base/check.h"
#include "proto/base/mutex.h"
#include "proto/base/random.h"

struct CUstream_st {
  using Operation = penstock::cuda::emulator::Operation;

  struct Capture {
    std::thread::id thread;
    bool spoiled = false;
    std::vector<Operation> operations;
  };

  std::deque<Operation> operations;
  std::optional<Capture> capture;
};

namespace penstock::cuda::emulator {
namespace {

class Streams {
 public:
  cudaStream_t Make() {
    MutexLock lock(mutex_);
    streams_.push_back(std::make_unique<CUstream_st>());
    return streams_.back().get();
  }

  void Destroy(cudaStream_t stream) {
    MutexLock lock(mutex_);
    RunAllOf(stream);
    const auto gone = std::erase_if(
        streams_, [&](const auto& kept) { return kept.get() == stream; });
    PENSTOCK_CHECK(gone == 1);
  }

  void Add(cudaStream_t stream, Operation operation) {
    MutexLock lock(mutex_);
    CUstream_st* const queue = Of(stream);
    if (queue->capture.has_value()) {
      queue->capture->operations.push_back(std::move(operation));
    } else {
      queue->operations.push_back(std::move(operation));
    }
  }

  void Finish(cudaStream_t stream) {
    MutexLock lock(mutex_);
    RunAllOf(Of(stream));
  }

  void FinishAll() {
    MutexLock lock(mutex_);
    RunAllOf(&default_);
    for (const auto& stream : streams_) RunAllOf(stream.get());
  }

  bool Query(cudaStream_t stream) {
    MutexLock lock(mutex_);
    CUstream_st* const asked = Of(stream);
    if (asked->operations.empty()) return true;
    if (random_.Below(4) == 0) return false;
    RunAllOf(asked);
    return true;
  }

  void Begin(cudaStream_t stream) {
    MutexLock lock(mutex_);
    Of(stream)->capture.emplace().thread = std::this_thread::get_id();
  }

  std::optional<std::vector<Operation>> End(cudaStream_t stream) {
    MutexLock lock(mutex_);
    auto capture = std::exchange(Of(stream)->capture, std::nullopt);
    if (!capture.has_value() || capture->spoiled) return std::nullopt;
    return std::move(capture->operations);
  }

  bool Spoil(cudaStream_t stream) {
    MutexLock lock(mutex_);
    CUstream_st* const queue = Of(stream);
    if (!queue->capture.has_value()) return false;
    queue->capture->spoiled = true;
    return true;
  }

  bool SpoilBy(std::thread::id thread) {
    MutexLock lock(mutex_);
    bool any = false;
    for (const auto& stream : streams_) {
      if (!stream->capture.has_value()) continue;
      if (stream->capture->thread != thread) continue;
      stream->capture->spoiled = any = true;
    }
    return any;
  }

  void Seed(uint64_t seed) {
    MutexLock lock(mutex_);
    random_ = Random(seed);
  }

 private:
  CUstream_st* Of(cudaStream_t stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stream == nullptr ? &default_ : stream;
  }

  // And of other streams as much as comes before it by chance.
  void RunAllOf(CUstream_st* stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (stream->operations.empty()) return;
    const OpenDevice open;
    while (!stream->operations.empty()) {
      std::deque<Operation>& next = Choose()->operations;
      const Operation operation = std::move(next.front());
      next.pop_front();
      operation();
    }
  }

  // One of those that are not empty.
  CUstream_st* Choose() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::vector<CUstream_st*> waiting;
    if (!default_.operations.empty()) waiting.push_back(&default_);
    for (const auto& stream : streams_) {
      if (!stream->operations.empty()) waiting.push_back(stream.get());
    }
    return waiting[random_.Below(waiting.size())];
  }

  Mutex mutex_;
  CUstream_st default_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<CUstream_st>> streams_ ABSL_GUARDED_BY(mutex_);
  Random random_ ABSL_GUARDED_BY(mutex_){1};
};

// Never destroyed: threads may outlive static objects.
Streams& AllStreams() {
  static Streams& streams = *new Streams;
  return streams;
}

}  // namespace

cudaStream_t MakeStream() { return AllStreams().Make(); }
void DestroyStream(cudaStream_t stream) { AllStreams().Destroy(stream); }
void Enqueue(cudaStream_t stream, Operation operation) {
  AllStreams().Add(stream, std::move(operation));
}
void WaitFor(cudaStream_t stream) { AllStreams().Finish(stream); }
void WaitForAll() { AllStreams().FinishAll(); }
bool IsDone(cudaStream_t stream) { return AllStreams().Query(stream); }
void BeginCapture(cudaStream_t stream) { AllStreams().Begin(stream); }
std::optional<std::vector<Operation>> EndCapture(cudaStream_t stream) {
  return AllStreams().End(stream);
}
bool SpoilCaptureOf(cudaStream_t stream) { return AllStreams().Spoil(stream); }
bool SpoilCaptureByThisThread() {
  return AllStreams().SpoilBy(std::this_thread::get_id());
}
void SeedStreams(uint64_t seed) { AllStreams().Seed(seed); }

}  // namespace penstock::cuda::emulator
