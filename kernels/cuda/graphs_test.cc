// Graphs on the emulated device: when there is one, that it gives the bits of
// what was queued, and every way in which it can fail.

#include "kernels/cuda/graphs.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "kernels/cuda/emulator/emulated_backend.h"
#include "kernels/cuda/emulator/runtime.h"
#include "proto/base/status_macros.h"

namespace penstock::cuda {
namespace {

constexpr int64_t kCount = 4;
constexpr int64_t kBytes = kCount * sizeof(float);
using Values = std::array<float, kCount>;

// The emulated runtime, where some calls fail; plain functions, so global.
struct Calls {
  cudaError_t begin_error = cudaSuccess;
  cudaError_t instantiate_error = cudaSuccess;
  cudaError_t launch_error = cudaSuccess;
  int begun = 0;
  int graphs = 0;  // That there are.
  int launches = 0;
  absl::Time now;
};
Calls calls;

const Runtime& FailingRuntime() {
  static const Runtime kRuntime = [] {
    Runtime runtime = emulator::EmulatedRuntime();
    runtime.begin_capture = [](cudaStream_t stream) {
      ++calls.begun;
      if (calls.begin_error != cudaSuccess) return calls.begin_error;
      return emulator::EmulatedRuntime().begin_capture(stream);
    };
    runtime.graph_instantiate = [](cudaGraphExec_t* graph, cudaGraph_t from) {
      if (calls.instantiate_error != cudaSuccess) {
        return calls.instantiate_error;
      }
      ++calls.graphs;
      return emulator::EmulatedRuntime().graph_instantiate(graph, from);
    };
    runtime.graph_launch = [](cudaGraphExec_t graph, cudaStream_t stream) {
      ++calls.launches;
      if (calls.launch_error != cudaSuccess) return calls.launch_error;
      return emulator::EmulatedRuntime().graph_launch(graph, stream);
    };
    runtime.graph_exec_destroy = [](cudaGraphExec_t graph) {
      --calls.graphs;
      return emulator::EmulatedRuntime().graph_exec_destroy(graph);
    };
    return runtime;
  }();
  return kRuntime;
}

class GraphsTest : public testing::Test {
 protected:
  GraphsTest() { calls = {}; }
  ~GraphsTest() override {
    if (backend_ == nullptr) return;
    for (std::byte* const memory : {ones_, sum_}) backend_->Free(memory);
    backend_.reset();
    EXPECT_EQ(calls.graphs, 0);
  }

  void Open(GraphUse use, const Runtime& runtime = FailingRuntime()) {
    const WaitOptions wait{.wait_max = absl::Seconds(10),
                           .now = [] { return calls.now; },
                           .pause = [](absl::Duration /*duration*/) {}};
    auto backend = emulator::MakeEmulatedBackend(runtime, 0, use, wait);
    ASSERT_TRUE(backend.ok());
    backend_ = *std::move(backend);
    ones_ = *backend_->Allocate(kBytes);
    sum_ = *backend_->Allocate(kBytes);
    constexpr Values kOnes{1, 2, 3, 4};
    ASSERT_TRUE(backend_->CopyIn(std::as_bytes(std::span(kOnes)), ones_).ok());
    ASSERT_TRUE(backend_->Zero(sum_, kBytes).ok());
    ASSERT_TRUE(backend_->Synchronize().ok());
  }

  // Adds ones to sum, `times` times.
  absl::Status Add(int times = 1) {
    ++queued_;
    calls.now += queueing_;
    for (int i = 0; i < times; ++i) {
      RETURN_IF_ERROR(
          backend_->Accumulate(reinterpret_cast<const float*>(ones_), kCount,
                               reinterpret_cast<float*>(sum_)));
    }
    return absl::OkStatus();
  }

  absl::Status ReplayAdd(uint64_t key = 1) {
    RETURN_IF_ERROR(backend_->Replay(key, [this] { return Add(); }));
    calls.now += waiting_;
    return backend_->Synchronize();
  }

  // sum is this many times ones.
  void ExpectSum(int times) {
    Values read{};
    ASSERT_TRUE(
        backend_->CopyOut(sum_, std::as_writable_bytes(std::span(read))).ok());
    ASSERT_TRUE(backend_->Synchronize().ok());
    const float sum = static_cast<float>(times);
    EXPECT_EQ(read, (Values{sum, 2 * sum, 3 * sum, 4 * sum}));
  }

  std::unique_ptr<Backend> backend_;
  std::byte* ones_ = nullptr;
  std::byte* sum_ = nullptr;
  int queued_ = 0;
  absl::Duration queueing_;  // What a call of Add takes.
  absl::Duration waiting_;   // And then the device.
};

TEST_F(GraphsTest, ALaunchQueuesWhatWasTakenDown) {
  Open(GraphUse::kAlways);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ReplayAdd().ok());
  ExpectSum(5);
  EXPECT_EQ(queued_, 2);
  EXPECT_EQ(calls.launches, 4);
  ASSERT_TRUE(backend_->Replay(2, [this] { return Add(3); }).ok());
  ExpectSum(8);
  EXPECT_EQ(calls.graphs, 1);
}

TEST_F(GraphsTest, NothingIsTakenDownThatNobodyWants) {
  Open(GraphUse::kNever);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ReplayAdd().ok());
  ExpectSum(5);
  EXPECT_EQ(queued_, 5);
  EXPECT_EQ(calls.begun, 0);
}

TEST_F(GraphsTest, PaysWhereQueueingTakesMoreThanHalfOfTheTime) {
  Open(GraphUse::kWherePaying);
  queueing_ = absl::Microseconds(60);
  waiting_ = absl::Microseconds(50);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ReplayAdd(1).ok());
  EXPECT_EQ(queued_, 3);
  EXPECT_EQ(calls.launches, 3);
  waiting_ = absl::Microseconds(70);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(ReplayAdd(2).ok());
  EXPECT_EQ(queued_, 8);
  EXPECT_EQ(calls.graphs, 1);
  ExpectSum(10);
}

TEST_F(GraphsTest, FailuresAreQueuedInstead) {
  Open(GraphUse::kAlways);
  uint64_t key = 0;
  int sum = 0;
  const auto expect_queued = [&](cudaError_t& error) {
    error = cudaErrorMemoryAllocation;
    ++key;
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(ReplayAdd(key).ok());
    error = cudaSuccess;
    const int begun = calls.begun;
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(ReplayAdd(key).ok());
    EXPECT_EQ(calls.begun, begun);
    ExpectSum(sum += 6);
  };
  expect_queued(calls.begin_error);
  expect_queued(calls.instantiate_error);
  expect_queued(calls.launch_error);
  EXPECT_EQ(calls.graphs, 1);  // The one that could not be launched.
}

TEST_F(GraphsTest, WhatWaitsOrAllocatesIsQueuedInstead) {
  Open(GraphUse::kAlways);
  const auto wait = [this] {
    RETURN_IF_ERROR(Add());
    return backend_->Synchronize();
  };
  const auto allocate = [this] {
    ASSIGN_OR_RETURN(std::byte* const memory, backend_->Allocate(1));
    const absl::Status status = Add();
    backend_->Free(memory);
    return status;
  };
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(backend_->Replay(1, wait).ok());
    EXPECT_TRUE(backend_->Replay(2, allocate).ok());
  }
  EXPECT_TRUE(backend_->Synchronize().ok());
  EXPECT_EQ(calls.launches, 0);
  ExpectSum(8);
}

TEST_F(GraphsTest, AnErrorOfWhatIsQueuedComesOut) {
  Open(GraphUse::kAlways);
  ASSERT_TRUE(ReplayAdd().ok());
  const auto fail = [this] {
    RETURN_IF_ERROR(Add());
    return absl::InvalidArgumentError("no");
  };
  EXPECT_EQ(backend_->Replay(1, fail), absl::InvalidArgumentError("no"));
  ASSERT_TRUE(ReplayAdd().ok());
  ExpectSum(3);
}

TEST_F(GraphsTest, ALostDeviceIsAnError) {
  static const Runtime kRuntime = FailingRuntime();  // Nobody else's.
  Open(GraphUse::kAlways, kRuntime);
  ASSERT_TRUE(ReplayAdd().ok());
  calls.launch_error = static_cast<cudaError_t>(999);
  EXPECT_EQ(ReplayAdd().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(queued_, 2);
  EXPECT_EQ(ReplayAdd().code(), absl::StatusCode::kUnavailable);
  // What the process has of a lost device stays: nothing looks for leaks here.
  static Backend* lost = nullptr;
  lost = backend_.release();
  EXPECT_NE(lost, nullptr);
}

TEST_F(GraphsTest, KeysAreBounded) {
  Open(GraphUse::kAlways);
  const int keys = static_cast<int>(Graphs::kKeysMax) + 2;
  for (int i = 0; i < 2; ++i) {
    for (int key = 0; key < keys; ++key) ASSERT_TRUE(ReplayAdd(key).ok());
  }
  EXPECT_EQ(calls.graphs, static_cast<int>(Graphs::kKeysMax));
  ExpectSum(2 * keys);
}

}  // namespace
}  // namespace penstock::cuda
