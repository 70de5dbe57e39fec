// What this machine's NCCL says without a driver or with one; and that a build
// without CUDA says so.

#include "worker/link/nccl_load.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace penstock {
namespace {

bool IsRequired() {
  const char* required = std::getenv("PENSTOCK_REQUIRE");
  return required != nullptr &&
         std::string(required).find("nccl") != std::string::npos;
}

class NcclLoadTest : public testing::Test {
 protected:
  void SetUp() override {
    auto library = LoadNccl();
    if (!library.ok()) {
      ASSERT_FALSE(IsRequired()) << library.status();
      GTEST_SKIP() << library.status();
    }
    library_ = *std::move(library);
  }

  std::unique_ptr<NcclLibrary> library_;
};

TEST_F(NcclLoadTest, IsOfTheVersionThatWasCompiledAgainstOrLater) {
  EXPECT_GE(library_->version(), 22809) << NcclVersionText(library_->version());
}

TEST_F(NcclLoadTest, MakesADifferentIdEachTime) {
  const auto a = library_->MakeUniqueId();
  const auto b = library_->MakeUniqueId();
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_NE(*a, *b);
}

TEST_F(NcclLoadTest, InitSaysWhatIsWrongWithoutADriver) {
  auto streams = OpenCudaStreams(0);
  if (streams.ok()) GTEST_SKIP() << "there is a device";
  EXPECT_EQ(streams.status().code(), absl::StatusCode::kUnavailable)
      << streams.status();
  const auto id = library_->MakeUniqueId();
  ASSERT_TRUE(id.ok()) << id.status();
  const auto comm =
      library_->InitRank({.id = *id, .members = 2, .self = 0, .name = "edge"});
  EXPECT_EQ(comm.status().code(), absl::StatusCode::kUnavailable)
      << comm.status();
  EXPECT_NE(std::string(comm.status().message()).find("ncclCommInitRankConfig"),
            std::string::npos)
      << comm.status();
}

TEST(NcclLoadNoLibraryTest, SaysThatThereIsNone) {
  const absl::Status status = LoadNccl("libnccl_not_there.so.2").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(std::string(status.message()).starts_with("no NCCL: ")) << status;
}

TEST(NcclLoadNoLibraryTest, SaysThatThereIsNoSuchDevice) {
  EXPECT_EQ(OpenCudaStreams(1000).status().code(),
            absl::StatusCode::kUnavailable)
      << OpenCudaStreams(1000).status();
}

}  // namespace
}  // namespace penstock
