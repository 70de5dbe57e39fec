// On the CPU's backend; that every operation is the one that was asked for is
// shown by //tests/conformance:backend_watched_test.

#include "worker/executor/watched_backend.h"

#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/backend.h"
#include "kernels/copy_queue.h"
#include "worker/executor/device_calls.h"
#include "worker/executor/watched_copy_queue.h"

namespace penstock {
namespace {

// What is open in `calls`: one call at most.
std::string_view OpenIn(DeviceCalls& calls) {
  const std::vector<OpenDeviceCall> open = calls.Open();
  EXPECT_LE(open.size(), 1);
  return open.empty() ? "" : open[0].operation;
}

TEST(WatchedBackendTest, NotesWhatIsCalledWhileItIs) {
  DeviceCalls calls;
  const auto backend =
      WatchBackend(MakeCpuBackend(), calls.Add(absl::Seconds(3)));
  EXPECT_EQ(OpenIn(calls), "");
  bool asked = false;
  EXPECT_TRUE(backend
                  ->Replay(7,
                           [&] {
                             EXPECT_EQ(OpenIn(calls), "replay");
                             asked = true;
                             return absl::OkStatus();
                           })
                  .ok());
  EXPECT_TRUE(asked);
  EXPECT_EQ(OpenIn(calls), "");
}

TEST(WatchedBackendTest, EveryCallIsAChange) {
  DeviceCalls calls;
  const auto backend =
      WatchBackend(MakeCpuBackend(), calls.Add(absl::Seconds(3)));
  EXPECT_TRUE(backend
                  ->Replay(7,
                           [&] {
                             const uint64_t change = calls.Open()[0].change;
                             EXPECT_TRUE(backend->Synchronize().ok());
                             EXPECT_EQ(calls.Open()[0].change, change + 2);
                             return absl::OkStatus();
                           })
                  .ok());
}

// Tells what was open when it was used last.
class NotingQueue final : public CopyQueue {
 public:
  NotingQueue(DeviceCalls& calls, std::string_view& open)
      : calls_(calls), open_(open) {}
  ~NotingQueue() override { open_ = OpenIn(calls_); }

  absl::StatusOr<std::byte*> AllocateHost(int64_t /*bytes*/) override {
    open_ = OpenIn(calls_);
    return nullptr;
  }
  void FreeHost(std::byte* /*memory*/) override { open_ = OpenIn(calls_); }
  absl::Status CopyIn(std::span<const std::byte> /*host*/,
                      std::byte* /*device*/) override {
    return Synchronize();
  }
  absl::Status CopyOut(const std::byte* /*device*/,
                       std::span<std::byte> /*host*/) override {
    return Synchronize();
  }
  absl::Status Synchronize() override {
    open_ = OpenIn(calls_);
    return absl::DataLossError("a test");
  }

 private:
  DeviceCalls& calls_;
  std::string_view& open_;
};

TEST(WatchedCopyQueueTest, NotesAndForwardsEveryCall) {
  DeviceCalls calls;
  std::string_view open;
  auto copies = WatchCopyQueue(std::make_unique<NotingQueue>(calls, open),
                               calls.Add(absl::Seconds(3)));
  EXPECT_TRUE(copies->AllocateHost(1).ok());
  EXPECT_EQ(open, "allocate_host");
  copies->FreeHost(nullptr);
  EXPECT_EQ(open, "free_host");
  EXPECT_TRUE(absl::IsDataLoss(copies->CopyIn({}, nullptr)));
  EXPECT_EQ(open, "copy_in");
  EXPECT_TRUE(absl::IsDataLoss(copies->CopyOut(nullptr, {})));
  EXPECT_EQ(open, "copy_out");
  EXPECT_TRUE(absl::IsDataLoss(copies->Synchronize()));
  EXPECT_EQ(open, "synchronize");
  copies.reset();
  EXPECT_EQ(open, "closing");
}

}  // namespace
}  // namespace penstock
