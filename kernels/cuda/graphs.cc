#include "kernels/cuda/graphs.h"

#include "proto/base/status_macros.h"

namespace penstock::cuda {

Graphs::~Graphs() {
  for (const auto& [key, entry] : entries_) {
    if (entry.graph != nullptr) device_.Destroy(entry.graph);
  }
}

absl::Status Graphs::Replay(uint64_t key,
                            const std::function<absl::Status()>& queue) {
  if (use_ == GraphUse::kNever) return queue();
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() < kKeysMax) {
      const bool always = use_ == GraphUse::kAlways;
      entries_[key].state = always ? State::kCaptured : State::kMeasured;
    }
    return queue();
  }
  Entry& entry = found->second;
  switch (entry.state) {
    case State::kMeasured:
      return Measure(entry, queue);
    case State::kCaptured:
      return CaptureAndLaunch(entry, queue);
    case State::kLaunched:
      return device_.Launch(entry.graph);
    case State::kQueued:
      break;
  }
  return queue();
}

absl::Status Graphs::Measure(Entry& entry,
                             const std::function<absl::Status()>& queue) {
  const absl::Time begin = device_.now();
  RETURN_IF_ERROR(queue());
  measured_.push_back({&entry, begin, device_.now() - begin});
  return absl::OkStatus();
}

void Graphs::EndMeasuring() {
  for (const Measured& call : measured_) {
    const absl::Duration all = device_.now() - call.begin;
    call.entry->state =
        call.queueing > all / 2 ? State::kCaptured : State::kQueued;
  }
  measured_.clear();
}

absl::Status Graphs::CaptureAndLaunch(
    Entry& entry, const std::function<absl::Status()>& queue) {
  // Nothing of what is taken down has run: where it cannot be launched, it is
  // queued after all, and what is wrong with it shows then.
  absl::StatusOr<cudaGraphExec_t> graph = Capture(queue);
  if (graph.ok()) {
    entry.graph = *graph;
    entry.state = State::kLaunched;
    if (device_.Launch(*graph).ok()) return absl::OkStatus();
  }
  entry.state = State::kQueued;
  RETURN_IF_ERROR(device_.Stream().status());
  return queue();
}

absl::StatusOr<cudaGraphExec_t> Graphs::Capture(
    const std::function<absl::Status()>& queue) {
  RETURN_IF_ERROR(device_.BeginCapture());
  const absl::Status queued = queue();
  absl::StatusOr<cudaGraphExec_t> graph = device_.EndCapture();
  if (queued.ok() || !graph.ok()) return graph;
  device_.Destroy(*graph);
  return queued;
}

}  // namespace penstock::cuda
